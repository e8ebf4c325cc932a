"""Claims on one probe about spans: pure functions from renders to checks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from os.path import commonprefix
from typing import TypeGuard

from templatefix.judge.spans import line_of, merged, texts_of
from templatefix.model import Check, Claim, Message, Rendered, Span
from templatefix.oracle import Expectation, Owed, Undecided
from templatefix.probes import Probe

REASONING = ("reasoning_content", "reasoning", "thinking")
"""The keys under which messages hold reasoning."""


_UNTRAINED = {Claim.CALLS_TRAINED: "call-untrained", Claim.REASONING_TRAINED: "reasoning-untrained"}


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
    if merged(true.spans) == merged(tracked.spans):
        return Check(Claim.TRACKER_TRUE, name, "holds")
    expected, actual = texts_of(true.text, merged(true.spans)), texts_of(true.text, merged(tracked.spans))
    detail = "transformers tracks other offsets than those of the marked text"
    wrong = [span for span in true.spans if span not in tracked.spans]
    return Check(
        Claim.TRACKER_TRUE, name, "fails", expected, actual, detail, line_of(true, wrong or true.spans)
    )


def no_leak(expectation: Expectation, rendered: Rendered, spans: Iterable[Span]) -> Check:
    """Judge whether text of another role lies inside a span. Needs no knowledge of owed spans."""
    name, text = expectation.probe.name, rendered.text
    for start, end in expectation.foreign:
        leaks = [span for span in spans if span.overlaps(Span(start, end))]
        if leaks:
            detail, line = "text of another role is marked", line_of(rendered, leaks)
            actual = text[start:end]
            return Check(Claim.NO_LEAK, name, "fails", "", actual, detail, line, "other-role-trained")
    return Check(Claim.NO_LEAK, name, "holds")


def prompt_unmarked(probe: Probe, prompted: Rendered, unasked: str = "") -> Check:
    """Judge whether what is printed after a question stays outside, the generation prompt above all.

    Args:
        probe (`Probe`): A conversation that does not end with an answer.
        prompted (`Rendered`): Its render with a generation prompt.
        unasked (`str`): The text of its render without; what both begin with is no generation prompt, and is judged
            by the spans that are owed.
    """
    text, name = prompted.text, f"{probe.name}, prompted"
    # Where nothing of the question is printed, only what the prompt adds is told apart.
    nowhere = 0 if unasked else len(text)
    asked = max(
        (text.rfind(each) + len(each) for each in probe.turns[-1].texts if each in text), default=nowhere
    )
    own = [each for turn in probe.turns if turn.role == "assistant" for each in turn.texts]
    behind = [span for span in prompted.spans if len(span) and span.end > asked]
    shared = len(commonprefix([text, unasked]))  # noqa: RUF071 - of characters
    leaks = [span for span in behind if span.end > shared and not any(each in span.of(text) for each in own)]
    if not leaks:
        return Check(Claim.NO_LEAK, name, "holds")
    detail, line = "the generation prompt is marked", line_of(prompted, leaks)
    fault = "generation-prompt-trained"
    return Check(Claim.NO_LEAK, name, "fails", "", texts_of(text, leaks), detail, line, fault)


def told(
    claim: Claim, expectation: Expectation, rendered: Rendered, spans: Sequence[Span], texts: Iterable[str]
) -> Iterator[Check]:
    """Judge whether texts of the assistant, of one kind, lie inside spans; nothing where none is rendered.

    Args:
        claim (`Claim`): The claim.
        expectation (`Expectation`): What the probe owes.
        rendered (`Rendered`): The render.
        spans (`Sequence[Span]`): The merged spans.
        texts (`Iterable[str]`): The texts.
    """
    name, text = expectation.probe.name, rendered.text
    places = [Span(text.find(each), text.find(each) + len(each)) for each in texts if text.count(each) == 1]
    missing = [place for place in places if not any(span.holds(place) for span in spans)]
    if missing:
        detail = f"the text {missing[0].of(text)!r} is not marked"
        yield Check(claim, name, "fails", missing[0].of(text), "", detail, fault=_UNTRAINED[claim])
    elif places:
        yield Check(claim, name, "holds")


def stop_trained(expectation: Expectation, rendered: Rendered, spans: Sequence[Span]) -> Iterator[Check]:
    """Judge whether the text with which the model stops lies inside; nothing where no turn is surely closed."""
    name, text = expectation.probe.name, rendered.text
    stops = [(turn, stop) for turn in expectation.turns if (stop := stop_of(expectation, turn))]
    for turn, stop in stops:
        if not any(span.holds(stop) for span in spans):
            detail = f"the end of turn {stop.of(text)!r} of turn {turn.turn} is not marked"
            line = line_of(rendered, [span for span in rendered.spans if span.end <= stop.end][-1:])
            fault = "end-of-turn-untrained"
            yield Check(Claim.STOP_TRAINED, name, "fails", stop.of(text), "", detail, line, fault)
            return
    if stops:
        yield Check(Claim.STOP_TRAINED, name, "holds")


def stop_of(expectation: Expectation, turn: Owed | Undecided) -> Span | None:
    """Where the text stands with which the model stops a turn; `None` where nothing surely closes it."""
    text = expectation.text or ""
    if not isinstance(turn, Owed) or len(turn.ends) != 1 or turn.optional:
        return None
    [end] = turn.ends
    message, own = expectation.probe.messages[turn.turn], expectation.probe.turns[turn.turn].texts
    said = [*own, str(message.get("content") or "").strip()]
    last = max(
        (text.rfind(each, 0, end) + len(each) for each in said if each and each in text[:end]), default=end
    )
    return Span(last, end) if text[last:end].strip() else None


def of_template(claim: Claim, name: str, holds: bool) -> Check:
    """A claim about the template, not the mask."""
    if holds:
        return Check(claim, name, "holds")
    details = {
        Claim.PREFIX_STABLE: "a turn is printed otherwise once messages follow, as where reasoning is stripped",
        Claim.PROMPT_IS_PREFIX: "no generation prompt is the beginning of the turn",
    }
    return Check(claim, name, "fails", detail=details[claim])


def is_owed(turn: Owed | Undecided | None) -> TypeGuard[Owed]:
    """Whether it is known what a turn owes."""
    return isinstance(turn, Owed)


def reasoning_of(message: Message) -> list[str]:
    """The reasoning of a message, once for each text."""
    found = [message.get(key) for key in REASONING]
    return list(dict.fromkeys(text for text in found if isinstance(text, str)))


def calls_of(message: Message, texts: Iterable[str]) -> list[str]:
    """Those of a message's own texts that its tool calls hold."""
    calls = json.dumps(message.get("tool_calls") or [], ensure_ascii=False)
    return [text for text in texts if text in calls]
