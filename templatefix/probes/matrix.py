"""The probes every template is judged on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from templatefix.probes.calls import calls, result
from templatefix.probes.messages import Probe, answer, dialogue, probe, say

_TOOL = {"tools": True}


def _talk() -> tuple[Probe, ...]:
    ask, final = say("user", 1), answer(2)
    more = [say("user", 8), answer(9)]
    return (
        probe("one turn", *dialogue(1)),
        probe("two turns", *dialogue(2)),
        probe("system, three turns", *dialogue(3, system=True)),
        probe("system, eleven messages", *dialogue(5, system=True), say("user", 7)),
        probe("ends with the user", *dialogue(2), say("user", 7)),
        probe("parts", *dialogue(2, "parts", system=True)),
        probe("parts without system", *dialogue(2, "parts")),
        probe(
            "two parts",
            say("user", 1, shape="parts"),
            answer(1, "two parts"),
            *dialogue(1, "parts", after=8),
        ),
        probe("parts with media", *dialogue(2, "media")),
        probe("whitespace at the edges", *dialogue(2, "padded")),
        probe("unicode", *dialogue(2, "unicode")),
        probe("empty answer", ask, answer(1, "empty"), *more),
        probe("empty answer at the end", *dialogue(1), say("user", 8), answer(9, "empty")),
        probe("answer of whitespace", ask, answer(1, "blank"), *more),
        probe("answer without content", ask, answer(1, "none"), *more),
        probe("two answers in a row", ask, answer(1), final, *more),
        probe("two answers at the end", ask, answer(1), final),
        probe("two questions in a row", ask, say("user", 2), answer(2), *more),
        probe("assistant first", answer(1), *more),
        probe("system, assistant first", say("system", 0), answer(1), *more),
        probe("system in the middle", ask, answer(1), say("system", 3), *more),
        probe("a role of its own", say("observer", 0), ask, answer(1), say("observer", 3), *more),
        probe("the tool first", say("tool", 0), ask, answer(1), *more),
        probe("a role of its own, parts", say("observer", 0, shape="parts"), *dialogue(2, "parts")),
    )


def _reasoning() -> tuple[Probe, ...]:
    return (
        probe("reasoning field", *dialogue(1, "reasoning")),
        probe("reasoning field, two turns", *dialogue(2, "reasoning")),
        probe("reasoning key, two turns", *dialogue(2, "reasoning key")),
        probe("thinking key, two turns", *dialogue(2, "thinking key")),
        probe("reasoning in the content", *dialogue(2, "think")),
        probe("reasoning in the content, alone", *dialogue(1, "think alone"), *dialogue(1, after=7)),
        probe("reasoning last", *dialogue(2, last="reasoning")),
        probe("reasoning alone", *dialogue(1, "reasoning alone")),
        probe("thinking on", *dialogue(2), enable_thinking=True),
        probe("thinking on, reasoning", *dialogue(2, "reasoning"), enable_thinking=True),
        probe("thinking off", *dialogue(2), enable_thinking=False),
        probe("thinking off, reasoning", *dialogue(2, "reasoning"), enable_thinking=False),
    )


def _tools() -> Iterator[Probe]:
    ask, final = say("user", 1), answer(2)
    more = [say("user", 8), answer(9)]
    looking = "Looking."
    yield probe("tools offered", *dialogue(2, system=True), **_TOOL)
    for as_json, content, reasoning in product((False, True), ("", None, looking), (False, True)):
        name = _called("tool call", as_json, content, reasoning)
        call = calls(1, content=content, as_json=as_json, reasoning=reasoning)
        yield probe(name, ask, call, result(1), final, *more, **_TOOL)
    for as_json, reasoning in product((False, True), (False, True)):
        name = f"{_called('tool call', as_json, None, reasoning)}, not even null"
        call = calls(1, absent=True, as_json=as_json, reasoning=reasoning)
        yield probe(name, ask, call, result(1), final, *more, **_TOOL)
    for count, as_json, content in product((2, 3), (False, True), ("", None, looking)):
        name = _called("parallel calls" if count == 2 else "three calls", as_json, content)
        call = calls(1, count=count, content=content, as_json=as_json)
        yield probe(name, ask, call, *[result(1, at) for at in range(count)], final, **_TOOL)
    for as_json in (False, True):
        rich = calls(1, as_json=as_json, rich=True, content=looking)
        yield probe(_called("rich arguments", as_json), ask, rich, result(1), final, *more, **_TOOL)
    yield probe("call without arguments", ask, calls(1, bare=True), result(1), final, *more, **_TOOL)
    for content, reasoning in product(("", None, looking), (False, True)):
        call = calls(1, content=content, reasoning=reasoning)
        yield probe(_called("call at the end", False, content, reasoning), ask, call, **_TOOL)
        name = _called("tool call", False, content, reasoning)
        yield probe(f"{name}, then the tool", ask, call, result(1), **_TOOL)
    yield probe(
        "tool call with content, then the answer", ask, calls(1, content=looking), result(1), final, **_TOOL
    )
    yield probe("tool call, JSON, then the answer", ask, calls(1, as_json=True), result(1), final, **_TOOL)
    yield probe("an answer, then a call", *dialogue(1), say("user", 2), calls(2), result(2), **_TOOL)
    yield probe("call after call", ask, calls(1), result(1), calls(2), result(2), final, **_TOOL)
    yield probe(
        "call after call with reasoning",
        *(ask, calls(1, reasoning=True), result(1), calls(2, reasoning=True), result(2), final, *more),
        **_TOOL,
    )
    yield probe("the user after the tool", ask, calls(1), result(1), say("user", 3), final, *more, **_TOOL)
    yield probe(
        "tool call with content in parts",
        *(ask, calls(1, content=[{"type": "text", "text": looking}]), result(1), final, *more),
        **_TOOL,
    )
    for shape in ("parts", "media", "a mapping", "a number"):
        yield probe(f"tool result in {shape}", ask, calls(1), result(1, shape=shape), final, *more, **_TOOL)
    for thinking in (True, False):
        yield probe(
            f"tool call, thinking {'on' if thinking else 'off'}",
            *(ask, calls(1, content=looking, reasoning=True), result(1), final, *more),
            tools=True,
            enable_thinking=thinking,
        )


def _called(what: str, as_json: bool, content: str | None = "", reasoning: bool = False) -> str:
    said = {"": "", None: "without content"}.get(content, "with content")
    if reasoning:
        said = {"": "with reasoning", None: "with reasoning alone"}.get(content, f"{said} and reasoning")
    return f"{what}{', JSON' if as_json else ''}{', ' if as_json and said else ' ' if said else ''}{said}"


MATRIX = (*_talk(), *_reasoning(), *_tools())
"""The probes every template is judged on."""
