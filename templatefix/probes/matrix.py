"""The probes every template is judged on."""

from __future__ import annotations

from templatefix.probes.messages import Probe, answer, calls, dialogue, probe, result, say


def _matrix() -> tuple[Probe, ...]:
    ask, final = say("user", 1), answer(2)
    more = [say("user", 8), answer(9)]
    tool = {"tools": True}
    called = [calls(1), result(1)]
    return (
        probe("one turn", *dialogue(1)),
        probe("two turns", *dialogue(2)),
        probe("system, three turns", *dialogue(3, system=True)),
        probe("ends with the user", *dialogue(2), say("user", 7)),
        probe("parts", *dialogue(2, "parts", system=True)),
        probe("whitespace at the edges", *dialogue(2, "padded")),
        probe("unicode", *dialogue(2, "unicode")),
        probe("empty answer", ask, answer(1, "empty"), *more),
        probe("reasoning field", *dialogue(1, "reasoning")),
        probe("reasoning field, two turns", *dialogue(2, "reasoning")),
        probe("reasoning in the content", *dialogue(2, "think")),
        probe("reasoning last", *dialogue(2, last="reasoning")),
        probe("thinking on", *dialogue(2), enable_thinking=True),
        probe("thinking on, reasoning", *dialogue(2, "reasoning"), enable_thinking=True),
        probe("thinking off", *dialogue(2), enable_thinking=False),
        probe("tools offered", *dialogue(2, system=True), **tool),
        probe("tool call", ask, *called, final, *more, **tool),
        probe("tool call without content", ask, calls(1, content=None), result(1), final, *more, **tool),
        probe("tool call with content", ask, calls(1, content="Looking."), result(1), final, *more, **tool),
        probe("tool call, JSON", ask, calls(1, as_json=True), result(1), final, **tool),
        probe(
            "tool call, JSON, with content and reasoning",
            *(ask, calls(1, content="Looking.", as_json=True, reasoning=True), result(1), final, *more),
            **tool,
        ),
        probe("tool call with reasoning", ask, calls(1, reasoning=True), result(1), final, *more, **tool),
        probe("parallel calls", ask, calls(1, count=2), result(1), result(1, 1), final, **tool),
        probe(
            "parallel calls with content",
            *(ask, calls(1, count=2, content="Looking."), result(1), result(1, 1), final, *more),
            **tool,
        ),
        probe(
            "tool call, JSON, without content",
            ask,
            calls(1, content=None, as_json=True),
            result(1),
            final,
            **tool,
        ),
        probe(
            "tool call with content, then the answer",
            ask,
            calls(1, content="Looking."),
            result(1),
            final,
            **tool,
        ),
        probe(
            "tool call with content and reasoning, then the tool",
            *(ask, calls(1, content="Looking.", reasoning=True), result(1)),
            **tool,
        ),
        probe(
            "parallel calls, JSON, without content",
            *(ask, calls(1, count=2, content=None, as_json=True), result(1), result(1, 1), final),
            **tool,
        ),
        probe(
            "parallel calls, JSON",
            *(ask, calls(1, count=2, as_json=True), result(1), result(1, 1), final),
            **tool,
        ),
        probe("call at the end", ask, calls(1), **tool),
        probe("call at the end with content", ask, calls(1, content="Looking."), **tool),
        probe("call after call", ask, *called, calls(2), result(2), final, **tool),
        probe("ends with the tool", ask, *called, **tool),
        probe("two answers in a row", ask, answer(1), final, *more),
        probe("two answers at the end", ask, answer(1), final),
        probe("assistant first", answer(1), *more),
        probe("system, assistant first", say("system", 0), answer(1), *more),
        probe("system in the middle", ask, answer(1), say("system", 3), *more),
        probe("a role of its own", say("observer", 0), ask, answer(1), say("observer", 3), *more),
        probe("a role of its own, parts", say("observer", 0, shape="parts"), *dialogue(2, "parts")),
        probe("parts without system", *dialogue(2, "parts")),
        probe(
            "two parts",
            say("user", 1, shape="parts"),
            answer(1, "two parts"),
            *dialogue(1, "parts", after=8),
        ),
        probe("parts with media", *dialogue(2, "media")),
        probe("reasoning key, two turns", *dialogue(2, "reasoning key")),
    )


MATRIX = _matrix()
"""The probes every template is judged on."""
