"""EXACT_SPAN: is the marked text the owed text, turn by turn, and nothing else?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from templatefix.judge.faults import faults
from templatefix.judge.spans import line_of, merged, texts_of
from templatefix.model import Check, Claim, Policy, Rendered, Span
from templatefix.oracle import Expectation, Hole, Owed, Undecided


def exact_span(
    expectation: Expectation, rendered: Rendered, spans: Iterable[Span], policy: Policy
) -> list[Check]:
    """Judge whether the marked text is the owed text, turn by turn, and nothing else is marked.

    Args:
        expectation (`Expectation`): What the probe owes; it must have rendered.
        rendered (`Rendered`): The render, whose spans know the lines of their markers.
        spans (`Iterable[Span]`): The spans that were tracked.
        policy (`Policy`): Where both is defensible.

    Returns:
        `list[Check]`: One that holds or is undecided, or one for each fault of the first turn that is wrong.
    """
    name, text = expectation.probe.name, rendered.text
    marked = [span for span in merged(spans) if len(span)]
    owed = [allowed(turn, text, policy) for turn in expectation.turns if isinstance(turn, Owed)]
    for turn in _joined(owed):
        starts, ends = turn.starts, turn.ends
        window = Span(min(min(starts), max(ends)), max(ends))
        inside = [span for span in marked if span.overlaps(window)]
        marked = [span for span in marked if span not in inside]
        if found := list(faults(expectation, turn, inside)):
            start = max(starts)
            expected, actual = text[start : max(start, min(ends))], texts_of(text, inside)
            line = line_of(rendered, inside)
            return [
                Check(Claim.EXACT_SPAN, name, "fails", expected, actual, detail, line, fault)
                for fault, detail in found
            ]
    undecided = [turn for turn in expectation.turns if isinstance(turn, Undecided)]
    if undecided:
        detail = f"turn {undecided[0].turn}: {undecided[0].reason}"
        return [Check(Claim.EXACT_SPAN, name, "undecided", detail=detail, fault=undecided[0].cause)]
    if marked:
        detail, line = "text is marked that no turn owes", line_of(rendered, marked)
        actual = texts_of(text, marked)
        return [Check(Claim.EXACT_SPAN, name, "fails", "", actual, detail, line, "unowed-text-trained")]
    return [Check(Claim.EXACT_SPAN, name, "holds")]


def allowed(turn: Owed, text: str, policy: Policy) -> Owed:
    """Return a turn with the starts and ends of its span that a policy lets stand."""
    starts, ends = turn.starts, turn.ends
    if policy.prefill != "either" and not turn.optional:
        starts = frozenset([min(starts) if policy.prefill == "inside" else max(starts)])
    if policy.header == "included":
        starts = (
            frozenset(range(turn.header, min(starts)))
            - {at for at in range(turn.header, min(starts)) if text[turn.header : at].strip()}
            or starts
        )
    if policy.whitespace == "allowed":
        last = max(ends)
        blank = len(text[last:]) - len(text[last:].lstrip())
        ends = ends | frozenset(range(last, last + blank + 1))
    return replace(turn, starts=starts, ends=ends)


def _joined(turns: list[Owed]) -> list[Owed]:
    """Join turns between which nothing stands: two answers in a row, without a header."""
    joined: list[Owed] = []
    for turn in turns:
        if joined and joined[-1].ends & turn.starts:
            last = joined[-1]
            low = min(last.ends)
            holes = (*last.holes, Hole.any_of(low, max(max(turn.starts), low)), *turn.holes)
            starts = last.starts | turn.starts if last.optional else last.starts
            ends = last.ends | turn.ends if turn.optional else turn.ends
            optional = last.optional and turn.optional
            joined[-1] = Owed(last.turn, starts, ends, last.header, optional, holes)
        else:
            joined.append(turn)
    return joined
