"""Say of each output whether its text is inside, and where it would have to be cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

from templatefix.render import Piece
from templatefix.synthesis.labels import EITHER, INSIDE, OUTSIDE, Labelled, Marked


class Cut(NamedTuple):
    """A place within an output.

    Args:
        atom (`int`): Index of an operand of its chain; the number of operands for the end.
        offset (`int`): Characters of the operand's text before the cut; `0` at its start.
    """

    atom: int
    offset: int


@dataclass(frozen=True, slots=True)
class Run(Marked):
    """One execution of an output.

    Args:
        labels (`str`): The labels of its text.
        starts (`frozenset[Cut]`): Where expected text starts, or would start; empty if there is none or it is not in
            one piece.
        ends (`frozenset[Cut]`): Where it ends.
        loose_ends (`frozenset[Cut]`): Where it may end, if whitespace after the end of turn is let in.
        role (`str`): Role of the message the loop was at; empty outside the loop.
        answers (`bool`): Whether the message before is the assistant's.
        closes (`bool`): Whether it is printed outside of the loop, and the last message is the assistant's.
        texts (`tuple[str, ...]`): What each operand printed.
    """

    labels: str
    starts: frozenset[Cut]
    ends: frozenset[Cut]
    loose_ends: frozenset[Cut]
    role: str
    answers: bool = False
    closes: bool = False
    texts: tuple[str, ...] = ()

    @property
    def foreign(self) -> bool:
        """Whether the text is outside for another reason than being the header of an empty turn."""
        return self.outside and not self.starts


@dataclass
class Leaf:
    """All executions of one output.

    Args:
        index (`int`): Index among `leaves(source)`.
        atoms (`int`): Number of operands of its chain.
        runs (`list[Run]`): Its executions over all probes.
    """

    index: int
    atoms: int = 1
    runs: list[Run] = field(default_factory=list)


def observe(labelled: Iterable[Labelled]) -> dict[int, Leaf]:
    """Collect the executions of every output that some probe reached."""
    found: dict[int, Leaf] = {}
    for each in labelled:
        for _, group in groupby(each.trace.pieces, key=lambda piece: piece.run):
            pieces = list(group)
            leaf = found.setdefault(pieces[0].leaf, Leaf(pieces[0].leaf, len(pieces)))
            message = pieces[0].message
            role = each.role(message)
            before = each.role(message - 1) if message else ""
            closes = message is None and each.role(len(each.probe.messages) - 1) == "assistant"
            run = replace(_run(pieces, each, role), answers=before == "assistant", closes=closes)
            leaf.runs.append(run)
    return found


def _run(pieces: Sequence[Piece], labelled: Labelled, role: str) -> Run:
    start, end = pieces[0].span.start, pieces[-1].span.end
    own = labelled.labels[start:end]
    texts = tuple(piece.span.of(labelled.trace.text) for piece in pieces)
    none: frozenset[Cut] = frozenset()
    first, last = own.find(INSIDE), own.rfind(INSIDE) + 1
    if first < 0 and OUTSIDE in own:  # a header perhaps, and what it is followed by is empty here
        begins = max((at for at in labelled.starts if start < at <= end), default=None)
        if begins is not None and OUTSIDE not in labelled.labels[begins:end]:
            return Run(own, _cuts(pieces, begins), none, none, role, texts=texts)
    if first < 0 or OUTSIDE in own[first:last]:
        return Run(own, none, none, none, role, texts=texts)
    high = last
    while high < len(own) and own[high] == EITHER:
        high += 1
    loose = frozenset(cut for at in range(last, high + 1) for cut in _cuts(pieces, start + at))
    return Run(own, _cuts(pieces, start + first), _cuts(pieces, start + last), loose, role, texts=texts)


def _cuts(pieces: Sequence[Piece], at: int) -> frozenset[Cut]:
    cuts = {
        Cut(piece.atom, at - piece.span.start)
        for piece in pieces
        if piece.span.start <= at < piece.span.end or piece.span.start == at
    }
    return frozenset(cuts | ({Cut(len(pieces), 0)} if at == pieces[-1].span.end else set()))
