"""Messages to build probe conversations of, each text in them unique, so that it can be found again in a render."""

from __future__ import annotations

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
        quoted (`tuple[str, ...]`): Unique texts of others that the message holds, as tools' results where it called.
    """

    role: str
    texts: tuple[str, ...]
    quoted: tuple[str, ...] = ()


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
_REASONING_KEYS = {
    "reasoning": "reasoning_content",
    "reasoning key": "reasoning",
    "thinking key": "thinking",
}
_EMPTY: dict[str, str | None] = {"empty": "", "blank": " \n", "none": None}


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
    reasoning = thought(number)
    both = Turn("assistant", (reasoning, *turn.texts))
    if shape in _REASONING_KEYS:
        return {**message, _REASONING_KEYS[shape]: reasoning}, both
    if shape == "reasoning alone":
        return {**message, "content": "", "reasoning_content": reasoning}, Turn("assistant", (reasoning,))
    if shape == "think":
        return {**message, "content": f"<think>\n{reasoning}\n</think>\n\n{message['content']}"}, both
    if shape == "think alone":
        return {**message, "content": f"<think>\n{reasoning}\n</think>"}, Turn("assistant", (reasoning,))
    if shape == "two parts":
        return {**message, "content": [{"type": "text", "text": text} for text in both.texts]}, both
    if shape in _EMPTY:
        return {**message, "content": _EMPTY[shape]}, Turn("assistant", ())
    return message, turn


def thought(number: int) -> str:
    """A unique text of reasoning."""
    return f"Pondering{number} the gnihtam{number} of it."


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


def quoting(header: str, closing: str) -> Probe:
    """A conversation whose texts hold what a template prints round assistant turns, as users can type it.

    Args:
        header (`str`): What opens an assistant's turn.
        closing (`str`): What closes it.
    """
    said = []
    for role, number in (("user", 1), ("assistant", 1), ("user", 2), ("assistant", 2)):
        message, turn = say(role, number)
        text = f"{turn.texts[0]} Quoted: {closing}{header}as {role}{number} wrote{closing} once."
        said.append(({**message, "content": text}, Turn(role, (text,))))
    return probe("texts that quote the template", *said)
