"""Claims on one probe about spans: pure functions from renders to checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os.path import commonprefix

from templatefix.analysis import Interval, Trace
from templatefix.errors import LimitError, RenderError
from templatefix.expected import Expectation, ExpectedSpan
from templatefix.model import Check, Claim, Rendered, Span
from templatefix.render.spans import line_of, merged, texts_of

REASONING = ("reasoning_content", "reasoning", "thinking")
"""The keys under which messages hold reasoning."""

_UNTRAINED = {Claim.CALLS_TRAINED: "call-untrained", Claim.REASONING_TRAINED: "reasoning-untrained"}

Render = Rendered | RenderError
"""A render, or the error that the template raised."""


def limited(claim: Claim, name: str, *renders: Render) -> Check | None:
    """Return an undecided check if a render went over a limit: that is never "the template raises".

    Args:
        claim (`Claim`): What cannot be judged.
        name (`str`): The probe's name.
        renders (`Rendered` or `RenderError`): The renders that it needs.
    """
    error = next((each for each in renders if isinstance(each, LimitError)), None)
    if error is None:
        return None
    return Check(claim, name, "undecided", detail=error.what, line=error.line, fault="limit-exceeded")


def same_text(name: str, before: Render, after: Render) -> Check:
    """Judge whether two renders print the same, or whether both raise.

    Args:
        name (`str`): The probe's name.
        before (`Rendered` or `RenderError`): The original's render.
        after (`Rendered` or `RenderError`): The patched template's.
    """
    if over := limited(Claim.SAME_TEXT, name, before, after):
        return over
    one, two = _shown(before), _shown(after)
    if one == two or (isinstance(before, RenderError) and isinstance(after, RenderError)):
        return Check(Claim.SAME_TEXT, name, "holds")
    return Check(Claim.SAME_TEXT, name, "fails", one, two, "the rendered text differs from the original's")


def _shown(render: Render) -> str:
    return render.text if isinstance(render, Rendered) else f"raises {render.what}"


def tracker_true(name: str, true: Rendered, tracked: Render) -> Check:
    """Judge whether transformers tracks the spans at which the marked text really is."""
    if isinstance(tracked, RenderError):
        return Check(Claim.TRACKER_TRUE, name, "fails", true.text, tracked.what, "transformers raises")
    if tracked.text != true.text:
        detail = "transformers renders another text than templatefix; does the template print the time?"
        return Check(Claim.TRACKER_TRUE, name, "undecided", true.text, tracked.text, detail)
    if merged(true.spans) == merged(tracked.spans):
        return Check(Claim.TRACKER_TRUE, name, "holds")
    expected, actual = texts_of(true.text, merged(true.spans)), texts_of(true.text, merged(tracked.spans))
    detail = "transformers tracks other offsets than those of the marked text"
    wrong = [span for span in true.spans if span not in tracked.spans]
    return Check(
        Claim.TRACKER_TRUE, name, "fails", expected, actual, detail, line_of(true, wrong or true.spans)
    )


def no_leak(expectation: Expectation, rendered: Rendered, spans: Iterable[Span]) -> Check:
    """Judge whether text of another role is inside a span. Needs no expected span."""
    name, text, spans = expectation.probe.name, rendered.text, list(spans)
    for start, end in expectation.foreign():
        leaks = [span for span in spans if span.overlaps(Span(start, end))]
        if leaks:
            detail, line = "text of another role is marked", line_of(rendered, leaks)
            actual = text[start:end]
            return Check(Claim.NO_LEAK, name, "fails", "", actual, detail, line, "other-role-trained")
    return Check(Claim.NO_LEAK, name, "holds")


def prompt_unmarked(
    name: str, prompted: Rendered, trace: Trace, assistant: Sequence[int], unasked: str = ""
) -> Check:
    """Judge whether what is printed behind the messages stays outside, the generation prompt above all.

    Args:
        name (`str`): The probe's name.
        prompted (`Rendered`): Its render with a generation prompt.
        trace (`Trace`): The same render, traced.
        assistant (`Sequence[int]`): Indices of the assistant's messages.
        unasked (`str`): The text of its render without; what both begin with is no generation prompt, and is judged
            by the expected spans.
    """
    text, name = prompted.text, f"{name}, prompted"
    said = [end for intervals in map(trace.own, _messages(trace)) for _, end in intervals]
    shared = len(commonprefix([text, unasked]))  # noqa: RUF071 - of characters
    behind = max([*said, shared] if unasked else said, default=len(text) if not unasked else shared)
    own = [Span(*interval) for message in assistant for interval in trace.own(message)]
    leaks = [
        span
        for span in prompted.spans
        if len(span) and span.end > behind and not any(span.overlaps(each) for each in own)
    ]
    if not leaks:
        return Check(Claim.NO_LEAK, name, "holds")
    detail, line = "the generation prompt is marked", line_of(prompted, leaks)
    fault = "generation-prompt-trained"
    return Check(Claim.NO_LEAK, name, "fails", "", texts_of(text, leaks), detail, line, fault)


def _messages(trace: Trace) -> set[int]:
    return {message for says in trace.messages for message in says}


def fields_trained(
    claim: Claim, name: str, text: str, spans: Sequence[Span], places: Sequence[Interval]
) -> Iterator[Check]:
    """Judge whether texts of the assistant, of one kind, are inside spans; nothing where none is rendered.

    Args:
        claim (`Claim`): The claim.
        name (`str`): The probe's name.
        text (`str`): The render.
        spans (`Sequence[Span]`): The merged spans.
        places (`Sequence[tuple[int, int]]`): Where the texts are.
    """
    found = [Span(*place) for place in places if text[slice(*place)].strip()]
    missing = [place for place in found if not any(span.holds(place) for span in spans)]
    if missing:
        detail = f"the text {missing[0].of(text)!r} is not marked"
        yield Check(claim, name, "fails", missing[0].of(text), "", detail, fault=_UNTRAINED[claim])
    elif found:
        yield Check(claim, name, "holds")


def stop_trained(expectation: Expectation, rendered: Rendered, spans: Sequence[Span]) -> Iterator[Check]:
    """Judge whether the text with which the model stops is inside; nothing where no stop of a turn is known."""
    name, text = expectation.probe.name, rendered.text
    found = [turn for turn in expectation.turns if isinstance(turn, ExpectedSpan) and not turn.optional]
    stops = [(turn, Span(*turn.stop)) for turn in found if turn.stop]
    # The next role's token may be the stop; it is claimed only where it is marked.
    later = [Span(*turn.next_stop) for turn in found if turn.next_stop]
    for turn, stop in stops:
        if not any(span.holds(stop) for span in spans):
            detail = f"the end of turn {stop.of(text)!r} of message {turn.message} is not marked"
            line = line_of(rendered, [span for span in rendered.spans if span.end <= stop.end][-1:])
            fault = "end-of-turn-untrained"
            yield Check(Claim.STOP_TRAINED, name, "fails", stop.of(text), "", detail, line, fault)
            return
    if stops or any(span.holds(stop) for stop in later for span in spans):
        yield Check(Claim.STOP_TRAINED, name, "holds")


def prefix_stable(name: str, holds: bool) -> Check:
    """Say whether turns are printed alike whatever follows them."""
    detail = "a turn is printed otherwise once messages follow, as where reasoning is stripped"
    return Check(Claim.PREFIX_STABLE, name, "holds" if holds else "fails", detail="" if holds else detail)


def prompt_is_prefix(name: str, mismatch: tuple[str, str] | None) -> Check:
    """Say whether each turn begins with a generation prompt.

    Args:
        name (`str`): The probe's name.
        mismatch (`tuple[str, str]`, *optional*): A prompt, and the turn that does not begin with it.
    """
    if mismatch is None:
        return Check(Claim.PROMPT_IS_PREFIX, name, "holds")
    prompt, turn = mismatch
    detail = "the generation prompt does not match how assistant turns start"
    return Check(Claim.PROMPT_IS_PREFIX, name, "fails", prompt, turn, detail)
