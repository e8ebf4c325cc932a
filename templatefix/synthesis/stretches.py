"""What a stretch of statements printed in one turn of its loop, over all probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jinja2 import nodes

from templatefix.render import leaves
from templatefix.syntax import Source, branches, walk
from templatefix.synthesis.labels import INSIDE, OUTSIDE, Labelled, Marked


@dataclass(frozen=True, slots=True)
class Printed(Marked):
    """One execution of a stretch.

    Args:
        text (`str`): What it printed.
        labels (`str`): The labels of that text.
        role (`str`): Role of the message; empty outside the loop over messages.
        begins (`int`, *optional*): Where expected text begins, or would; `None` if it does not.
    """

    text: str
    labels: str
    role: str
    begins: int | None

    @property
    def whole(self) -> bool:
        """Whether the expected text is in one piece, and only whitespace follows it."""
        first, last = self.labels.find(INSIDE), self.labels.rfind(INSIDE) + 1
        return not self.inside or (OUTSIDE not in self.labels[first:last] and not self.text[last:].strip())


def printed(labelled: Sequence[Labelled], outputs: frozenset[int]) -> Iterator[Printed]:
    """Yield what some outputs printed, turn by turn.

    Args:
        labelled (`list[Labelled]`): The probes.
        outputs (`frozenset[int]`): Indices of the outputs among `leaves(source)`.
    """
    for each in labelled:
        keyed = groupby(each.trace.pieces, key=lambda piece: (piece.leaf in outputs, piece.message))
        for (among, message), group in keyed:
            if not among:
                continue
            pieces = list(group)
            start, end = pieces[0].span.start, pieces[-1].span.end
            labels = each.labels[start:end]
            begins = max((at - start for at in each.starts if start <= at <= end), default=None)
            if INSIDE in labels:  # not where the next turn begins
                begins = labels.find(INSIDE)
            yield Printed(each.trace.text[start:end], labels, each.role(message), begins)


def outputs_inside(labelled: Sequence[Labelled]) -> frozenset[int]:
    """Return the outputs that printed some expected text."""
    return frozenset(
        piece.leaf
        for each in labelled
        for piece in each.trace.pieces
        if INSIDE in each.labels[piece.span.start : piece.span.end]
    )


def outputs_in(source: Source, body: Sequence[nodes.Node]) -> frozenset[int]:
    """Return the outputs within some statements, by their index among `leaves(source)`."""
    inside = {id(node) for statement in body for node, _ in walk(statement)}
    return frozenset(at for at, leaf in enumerate(leaves(source)) if id(leaf) in inside)


def bodies(source: Source, loop: nodes.For, outputs: frozenset[int]) -> list[list[nodes.Node]]:
    """Return the bodies in a loop that hold all of its outputs among some, innermost first.

    Args:
        source (`Source`): The template.
        loop (`jinja2.nodes.For`): A loop.
        outputs (`frozenset[int]`): Outputs.
    """
    wanted = outputs & outputs_in(source, loop.body)
    found = [loop.body]
    while True:
        inner = [
            body
            for node in found[0]
            if isinstance(node, nodes.If)
            for body in (*branches(node), *(branch for arm in node.elif_ for branch in branches(arm)))
            if wanted <= outputs_in(source, body)
        ]
        if not inner:
            return found
        found.insert(0, inner[0])
