"""Probe conversations, each text in them unique, so that it can be found again in a render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from templatefix.model import Conversation, Message

PLACEHOLDERS: Mapping[str, str] = {
    "bos_token": "<|probe-bos|>",
    "eos_token": "<|probe-eos|>",
    "pad_token": "<|probe-pad|>",
    "unk_token": "<|probe-unk|>",
}
"""Special tokens for a template that comes without a tokenizer."""

TOOLS: tuple[dict[str, Any], ...] = (
    {
        "type": "function",
        "function": {
            "name": "weather_at",
            "description": "Look up the weather.",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string", "description": "A place."}},
                "required": ["place"],
            },
        },
    },
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The texts of one message that are found again in a render.

    Args:
        role (`str`): The message's role.
        texts (`tuple[str, ...]`): Unique texts, each a whole field or a whole argument.
    """

    role: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A conversation and the variables it is rendered with.

    Args:
        name (`str`): A short name for people.
        messages (`list[dict]`): The conversation.
        turns (`tuple[Turn, ...]`): One for each message.
        tools (`list[dict]`, *optional*): JSON schemas of the tools on offer.
        options (`Mapping`): Template variables such as `enable_thinking`.
    """

    name: str
    messages: Conversation
    turns: tuple[Turn, ...]
    tools: tuple[dict[str, Any], ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for a render, besides the messages."""
        return {"tools": list(self.tools) if self.tools else None, **self.options}

    @property
    def assistant(self) -> list[int]:
        """Indices of the assistant's messages."""
        return [index for index, turn in enumerate(self.turns) if turn.role == "assistant"]


def switches(probe: Probe) -> list[Mapping[str, Any]]:
    """Settings of the thinking switch under which inference may open the same turn."""
    return [{}, {"enable_thinking": True}, {"enable_thinking": False}, probe.options]


_WORDS = {"system": "Marlow", "user": "Quince", "assistant": "Tamsin", "tool": "Veldt", "observer": "Brindle"}

_SHAPES = ("parts", "media", "padded", "unicode")


def _say(role: str, number: int, *, shape: str = "text") -> tuple[Message, Turn]:
    text = f"{_WORDS[role]}{number} spoke of {role[::-1]}{number} today."
    content: Any = text
    if shape == "parts":
        content = [{"type": "text", "text": text}]
    if shape == "media":
        content = [{"type": "image"}, {"type": "video"}, {"type": "text", "text": text}]
    if shape == "padded":
        content = f" {text}\n"
    if shape == "unicode":
        text = content = f"{text[:-1]} naïve e\u0301tude 雨が降る 👩🏽‍🚀 {number}\u0301"
    return {"role": role, "content": content}, Turn(role, (text,))


def _answer(number: int, shape: str = "text") -> tuple[Message, Turn]:
    message, turn = _say("assistant", number, shape=shape if shape in _SHAPES else "text")
    reasoning = f"Pondering{number} the gnihtam{number} of it."
    if shape == "reasoning":
        return {**message, "reasoning_content": reasoning}, Turn("assistant", (reasoning, *turn.texts))
    if shape == "think":
        content = f"<think>\n{reasoning}\n</think>\n\n{message['content']}"
        return {**message, "content": content}, Turn("assistant", (reasoning, *turn.texts))
    if shape == "reasoning key":
        return {**message, "reasoning": reasoning}, Turn("assistant", (reasoning, *turn.texts))
    if shape == "two parts":
        texts = (reasoning, *turn.texts)
        return {**message, "content": [{"type": "text", "text": text} for text in texts]}, Turn(
            "assistant", texts
        )
    if shape == "empty":
        return {**message, "content": ""}, Turn("assistant", ())
    return message, turn


def _calls(
    number: int, *, count: int = 1, content: str | None = "", as_json: bool = False, reasoning: bool = False
) -> tuple[Message, Turn]:
    places = [f"Ossory{number}x{index}" for index in range(count)]
    calls = [
        {
            "type": "function",
            "id": f"call{number}{index:04d}",
            "function": {
                "name": "weather_at",
                "arguments": json.dumps({"place": place}) if as_json else {"place": place},
            },
        }
        for index, place in enumerate(places)
    ]
    thought = f"Pondering{number} the gnihtam{number} of it."
    message: Message = {"role": "assistant", "content": content, "tool_calls": calls}
    texts = ((thought,) if reasoning else ()) + ((content,) if content else ()) + tuple(places)
    return ({**message, "reasoning_content": thought} if reasoning else message), Turn("assistant", texts)


def _result(number: int, index: int = 0) -> tuple[Message, Turn]:
    text = f"Veldt{number}x{index} is dry."
    message = {
        "role": "tool",
        "name": "weather_at",
        "tool_call_id": f"call{number}{index:04d}",
        "content": text,
    }
    return message, Turn("tool", (text,))


def _probe(name: str, *said: tuple[Message, Turn], tools: bool = False, **options: Any) -> Probe:
    messages = [message for message, _ in said]
    return Probe(name, messages, tuple(turn for _, turn in said), TOOLS if tools else None, options)


def _dialogue(
    rounds: int, shape: str = "text", *, system: bool = False, last: str = "", after: int = 0
) -> list[tuple[Message, Turn]]:
    user = shape if shape in _SHAPES else "text"
    said = [_say("system", 0, shape="parts" if shape == "parts" else "text")] if system else []
    for number in range(after + 1, after + rounds + 1):
        said += [
            _say("user", number, shape=user),
            _answer(number, last if last and number == after + rounds else shape),
        ]
    return said


def _matrix() -> tuple[Probe, ...]:
    ask, say = _say("user", 1), _answer(2)
    more = [_say("user", 8), _answer(9)]
    tool = {"tools": True}
    called = [_calls(1), _result(1)]
    return (
        _probe("one turn", *_dialogue(1)),
        _probe("two turns", *_dialogue(2)),
        _probe("system, three turns", *_dialogue(3, system=True)),
        _probe("ends with the user", *_dialogue(2), _say("user", 7)),
        _probe("parts", *_dialogue(2, "parts", system=True)),
        _probe("whitespace at the edges", *_dialogue(2, "padded")),
        _probe("unicode", *_dialogue(2, "unicode")),
        _probe("empty answer", ask, _answer(1, "empty"), *more),
        _probe("reasoning field", *_dialogue(1, "reasoning")),
        _probe("reasoning field, two turns", *_dialogue(2, "reasoning")),
        _probe("reasoning in the content", *_dialogue(2, "think")),
        _probe("reasoning last", *_dialogue(2, last="reasoning")),
        _probe("thinking on", *_dialogue(2), enable_thinking=True),
        _probe("thinking on, reasoning", *_dialogue(2, "reasoning"), enable_thinking=True),
        _probe("thinking off", *_dialogue(2), enable_thinking=False),
        _probe("tools offered", *_dialogue(2, system=True), **tool),
        _probe("tool call", ask, *called, say, *more, **tool),
        _probe("tool call without content", ask, _calls(1, content=None), _result(1), say, *more, **tool),
        _probe("tool call with content", ask, _calls(1, content="Looking."), _result(1), say, *more, **tool),
        _probe("tool call, JSON", ask, _calls(1, as_json=True), _result(1), say, **tool),
        _probe(
            "tool call, JSON, with content and reasoning",
            *(ask, _calls(1, content="Looking.", as_json=True, reasoning=True), _result(1), say, *more),
            **tool,
        ),
        _probe("tool call with reasoning", ask, _calls(1, reasoning=True), _result(1), say, *more, **tool),
        _probe("parallel calls", ask, _calls(1, count=2), _result(1), _result(1, 1), say, **tool),
        _probe(
            "parallel calls with content",
            *(ask, _calls(1, count=2, content="Looking."), _result(1), _result(1, 1), say, *more),
            **tool,
        ),
        _probe(
            "tool call, JSON, without content",
            ask,
            _calls(1, content=None, as_json=True),
            _result(1),
            say,
            **tool,
        ),
        _probe(
            "tool call with content, then the answer",
            ask,
            _calls(1, content="Looking."),
            _result(1),
            say,
            **tool,
        ),
        _probe(
            "tool call with content and reasoning, then the tool",
            *(ask, _calls(1, content="Looking.", reasoning=True), _result(1)),
            **tool,
        ),
        _probe(
            "parallel calls, JSON, without content",
            *(ask, _calls(1, count=2, content=None, as_json=True), _result(1), _result(1, 1), say),
            **tool,
        ),
        _probe(
            "parallel calls, JSON",
            *(ask, _calls(1, count=2, as_json=True), _result(1), _result(1, 1), say),
            **tool,
        ),
        _probe("call at the end", ask, _calls(1), **tool),
        _probe("call at the end with content", ask, _calls(1, content="Looking."), **tool),
        _probe("call after call", ask, *called, _calls(2), _result(2), say, **tool),
        _probe("ends with the tool", ask, *called, **tool),
        _probe("two answers in a row", ask, _answer(1), say, *more),
        _probe("two answers at the end", ask, _answer(1), say),
        _probe("assistant first", _answer(1), *more),
        _probe("system, assistant first", _say("system", 0), _answer(1), *more),
        _probe("system in the middle", ask, _answer(1), _say("system", 3), *more),
        _probe("a role of its own", _say("observer", 0), ask, _answer(1), _say("observer", 3), *more),
        _probe("a role of its own, parts", _say("observer", 0, shape="parts"), *_dialogue(2, "parts")),
        _probe("parts without system", *_dialogue(2, "parts")),
        _probe(
            "two parts",
            _say("user", 1, shape="parts"),
            _answer(1, "two parts"),
            *_dialogue(1, "parts", after=8),
        ),
        _probe("parts with media", *_dialogue(2, "media")),
        _probe("reasoning key, two turns", *_dialogue(2, "reasoning key")),
    )


MATRIX = _matrix()
"""The probes every template is judged on."""
