"""Single claims: pure functions from renders to checks."""

from __future__ import annotations

from collections.abc import Iterable

from templatefix.model import Check, Claim, Rendered, Span
from templatefix.oracle import Expectation, Owed, Undecided


def same_text(name: str, before: Rendered | str, after: Rendered | str) -> Check:
    """Judge whether two renders print the same, or fail with the same words.

    Args:
        name (`str`): The probe's name.
        before (`Rendered` or `str`): The original's render, or the words of its error.
        after (`Rendered` or `str`): The patched template's.
    """
    if isinstance(before, Rendered) and isinstance(after, Rendered):
        same, expected, actual = before.text == after.text, before.text, after.text
    else:
        expected = before.text if isinstance(before, Rendered) else f"raises {before}"
        actual = after.text if isinstance(after, Rendered) else f"raises {after}"
        same = isinstance(before, str) and isinstance(after, str)
    if same:
        return Check(Claim.SAME_TEXT, name, "holds")
    return Check(
        Claim.SAME_TEXT, name, "fails", expected, actual, "the rendered text differs from the original's"
    )


def tracker_true(name: str, true: Rendered, tracked: Rendered | str) -> Check:
    """Judge whether transformers tracks the spans at which the marked text really stands."""
    if isinstance(tracked, str):
        return Check(Claim.TRACKER_TRUE, name, "fails", true.text, tracked, "transformers raises")
    if tracked.text != true.text:
        detail = "transformers renders another text than templatefix; does the template print the time?"
        return Check(Claim.TRACKER_TRUE, name, "undecided", true.text, tracked.text, detail)
    expected, actual = _texts(true.text, merged(true.spans)), _texts(true.text, merged(tracked.spans))
    if merged(true.spans) == merged(tracked.spans):
        return Check(Claim.TRACKER_TRUE, name, "holds")
    detail = "transformers tracks other offsets than those of the marked text"
    return Check(Claim.TRACKER_TRUE, name, "fails", expected, actual, detail)


def exact_span(expectation: Expectation, spans: Iterable[Span]) -> Check:
    """Judge whether the marked text is the owed text, turn by turn, and nothing else is marked.

    Args:
        expectation (`Expectation`): What the probe owes; it must have rendered.
        spans (`Iterable[Span]`): The spans that were tracked.
    """
    name, text = expectation.probe.name, expectation.text or ""
    marked = [span for span in merged(spans) if len(span)]
    owed = _joined([turn for turn in expectation.turns if isinstance(turn, Owed)])
    problems = [turn for turn in expectation.turns if isinstance(turn, Undecided)]
    for turn in owed:
        window = Span(min(turn.starts), max(turn.ends))
        inside = [span for span in marked if span.overlaps(window)]
        marked = [span for span in marked if span not in inside]
        if not _fits(turn, inside):
            expected = text[max(turn.starts) : min(turn.ends)]
            detail = f"turn {turn.turn} owes another span than the one that is marked"
            return Check(Claim.EXACT_SPAN, name, "fails", expected, _texts(text, inside), detail)
    if problems:
        return Check(
            Claim.EXACT_SPAN, name, "undecided", detail=f"turn {problems[0].turn}: {problems[0].reason}"
        )
    if marked:
        return Check(
            Claim.EXACT_SPAN, name, "fails", "", _texts(text, marked), "text is marked that no turn owes"
        )
    return Check(Claim.EXACT_SPAN, name, "holds")


def _joined(turns: list[Owed]) -> list[Owed]:
    """Join turns between which nothing stands: two answers in a row, without a header."""
    joined: list[Owed] = []
    for turn in turns:
        if joined and joined[-1].ends & turn.starts:
            joined[-1] = Owed(joined[-1].turn, joined[-1].starts, turn.ends)
        else:
            joined.append(turn)
    return joined


def _fits(turn: Owed, inside: list[Span]) -> bool:
    if not inside:
        return max(turn.starts) >= min(turn.ends)
    return len(inside) == 1 and inside[0].start in turn.starts and inside[0].end in turn.ends


def no_leak(expectation: Expectation, spans: Iterable[Span]) -> Check:
    """Judge whether text of another role lies inside a span. Needs no knowledge of owed spans."""
    name, text = expectation.probe.name, expectation.text or ""
    for start, end in expectation.foreign:
        if any(span.overlaps(Span(start, end)) for span in spans):
            detail = "text of another role is marked"
            return Check(Claim.NO_LEAK, name, "fails", "", text[start:end], detail)
    return Check(Claim.NO_LEAK, name, "holds")


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that touch or overlap."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _texts(text: str, spans: Iterable[Span]) -> str:
    return " … ".join(span.of(text) for span in spans)
