"""Messages to build probe conversations of, each text in them unique, so that it can be found again in a render."""

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


def say(role: str, number: int, *, shape: str = "text") -> tuple[Message, Turn]:
    """A message of one role, and its texts."""
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


def answer(number: int, shape: str = "text") -> tuple[Message, Turn]:
    """An assistant's message without tool calls; `shape` names what is special about it."""
    message, turn = say("assistant", number, shape=shape if shape in _SHAPES else "text")
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


def calls(
    number: int, *, count: int = 1, content: str | None = "", as_json: bool = False, reasoning: bool = False
) -> tuple[Message, Turn]:
    """An assistant's message that calls tools."""
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


def result(number: int, index: int = 0) -> tuple[Message, Turn]:
    """A tool's message."""
    text = f"Veldt{number}x{index} is dry."
    message = {
        "role": "tool",
        "name": "weather_at",
        "tool_call_id": f"call{number}{index:04d}",
        "content": text,
    }
    return message, Turn("tool", (text,))


def probe(name: str, *said: tuple[Message, Turn], tools: bool = False, **options: Any) -> Probe:
    """A probe of messages as the other functions make them."""
    messages = [message for message, _ in said]
    return Probe(name, messages, tuple(turn for _, turn in said), TOOLS if tools else None, options)


def dialogue(
    rounds: int, shape: str = "text", *, system: bool = False, last: str = "", after: int = 0
) -> list[tuple[Message, Turn]]:
    """Rounds of question and answer."""
    user = shape if shape in _SHAPES else "text"
    said = [say("system", 0, shape="parts" if shape == "parts" else "text")] if system else []
    for number in range(after + 1, after + rounds + 1):
        said += [
            say("user", number, shape=user),
            answer(number, last if last and number == after + rounds else shape),
        ]
    return said
