"""What is wrong with the marked text of one turn, fault by fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from templatefix.model import Span
from templatefix.oracle import Expectation, Owed


def faults(expectation: Expectation, turn: Owed, inside: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Yield a short name and a sentence for each fault of a turn; nothing if it is marked as it should be.

    Args:
        expectation (`Expectation`): What the probe owes.
        turn (`Owed`): What the turn owes, where the policy lets its span start and end.
        inside (`Sequence[Span]`): The marked spans that touch it, merged and in order.
    """
    text, who = expectation.text or "", f"turn {turn.turn}"
    starts, ends = turn.starts, turn.ends
    if not inside:
        if not turn.optional and max(starts) < min(ends):
            yield "turn-unmarked", f"nothing is marked in {who}"
        return
    start, end = inside[0].start, inside[-1].end
    own = expectation.probe.turns[turn.turn].texts
    if start not in starts:
        if start < min(starts):
            yield (
                "header-trained",
                f"{who} is marked from its header on: {text[start : min(starts)]!r} is trained",
            )
        elif own and not any(each in text[start:end] for each in own):
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
    broken = [gap for gap in gaps if not any(hole.holds(gap) for hole in turn.holes)]
    if broken:
        yield "turn-in-pieces", f"within {who}, {text[broken[0][0] : broken[0][1]]!r} is not marked"
