"""What is wrong with the marked text of one turn, fault by fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from templatefix.expected import Expectation
from templatefix.model import Span

if TYPE_CHECKING:
    from templatefix.judge.exact import Allowed


def faults(expectation: Expectation, turn: Allowed, inside: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Yield a short name and a sentence for each fault of a turn; nothing if it is marked as it should be.

    Args:
        expectation (`Expectation`): What is expected on the probe.
        turn (`Allowed`): Where the marked text of the turn may start and end.
        inside (`Sequence[Span]`): The marked spans that touch it, merged and in order.
    """
    text, who = expectation.text or "", f"message {turn.message}"
    starts, ends = turn.starts, turn.ends
    if not inside:
        if not turn.optional and max(starts) < min(ends):
            yield "turn-unmarked", f"nothing is marked in {who}"
        return
    start, end = inside[0].start, inside[-1].end
    if start not in starts:
        if start < min(starts):
            yield (
                "header-trained",
                f"{who} is marked from its header on: {text[start : min(starts)]!r} is trained",
            )
        elif not _says(expectation, turn.message, start, end):
            yield "end-of-turn-alone-trained", f"of {who} only {text[start:end]!r} is marked"
        else:
            yield (
                "beginning-untrained",
                f"the beginning of {who}, {text[max(starts) : start]!r}, is not marked",
            )
    if end not in ends:
        if end < min(ends):
            yield "end-of-turn-untrained", f"the end of {who}, {text[end : min(ends)]!r}, is not marked"
        elif not text[max(ends) : end].strip():
            yield "whitespace-trained", f"{text[max(ends) : end]!r} after the end of {who} is marked"
        else:
            yield "text-after-turn-trained", f"{text[max(ends) : end]!r} after the end of {who} is marked"
    gaps = [(one.end, two.start) for one, two in pairwise(inside)]
    broken = [gap for gap in gaps if not _may_break(turn, text, gap)]
    if broken:
        yield "turn-in-pieces", f"within {who}, {text[broken[0][0] : broken[0][1]]!r} is not marked"


def _may_break(turn: Allowed, text: str, gap: tuple[int, int]) -> bool:
    before_stop = turn.stop is not None and gap[1] == turn.stop[0] and not text[slice(*gap)].strip()
    return before_stop or any(gap[0] in each.exits and gap[1] in each.entries for each in turn.gaps)


def _says(expectation: Expectation, message: int, start: int, end: int) -> bool:
    """Whether a range holds something that the message says."""
    trace = expectation.trace
    own = trace.own(message) if trace else []
    return not own or any(low < end and start < high for low, high in own)
