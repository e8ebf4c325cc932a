"""The messages of a row of training data: which column holds them, and whether they are messages at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from templatefix.errors import DataError

Messages = Sequence[Mapping[str, Any]]

MESSAGES = "messages"
SHAREGPT = "conversations"
"""The column that TRL reads in place of `messages`, with `from` and `value` in each message."""

KEYS = {"from": "role", "value": "content"}
ROLES = {"human": "user", "gpt": "assistant"}
"""What ShareGPT calls the two roles. TRL renames the keys and leaves these, which no chat template knows."""

_FOREIGN = {
    **ROLES,
    "chatgpt": "assistant",
    "bot": "assistant",
    "function_call": "assistant` with its call in `tool_calls",
    "observation": "tool",
}
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CALLS = ("tool_calls", "function_call")
_MEDIA = ("image", "audio", "video")
_FORM = (
    'write a list of messages, as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].'
)


def column_of(example: Mapping[str, Any], column: str = MESSAGES) -> str:
    """Return the column that holds the messages: `column`, or ShareGPT's where there is no `messages`."""
    return SHAREGPT if column == MESSAGES and MESSAGES not in example and SHAREGPT in example else column


def read_messages(
    example: Mapping[str, Any], column: str = MESSAGES, where: str = ""
) -> list[Mapping[str, Any]]:
    """Return the messages of a row, each with `role` and `content`; those that have them are passed on as they are.

    A key that is `None` counts as absent: Arrow fills the keys that other rows have.

    Args:
        example (`Mapping`): The row.
        column (`str`): Its column.
        where (`str`): The row, for the message.

    Raises:
        DataError: There is no such column, or it is no list of messages.
    """
    name = column_of(example, column)
    if name not in example:
        have = ", ".join(map(str, example)) or "none"
        raise DataError(
            f"it has no column `{column}`",
            where=where,
            cure=f"name the one that holds the messages with --column; its columns are: {have}.",
        )
    found = example[name]
    if isinstance(found, str):
        raise DataError(
            f"its `{name}` is a text",
            where=where,
            cure="if it is JSON, parse it first (`json.loads`); a text that is rendered already has no messages.",
        )
    if not isinstance(found, Sequence) or isinstance(found, bytes):
        kind = "null" if found is None else f"a {type(found).__name__}"
        raise DataError(f"its `{name}` is {kind}, not a list of messages", where=where, cure=_FORM)
    return [_message(each, place(where, index)) for index, each in enumerate(found)]


def place(where: str, index: int) -> str:
    """Name a message of a row, counted from 0."""
    return f"{where}: message {index}" if where else f"message {index}"


def is_answer(message: Mapping[str, Any]) -> bool:
    """Whether the assistant wrote it."""
    return bool(message["role"] == "assistant")


def has_reasoning(message: Mapping[str, Any]) -> bool:
    """Whether a message holds reasoning, in a key of its own or between tags in its text."""
    content = message.get("content")
    return any(message.get(key) for key in _REASONING) or (isinstance(content, str) and "</think>" in content)


def says_something(message: Mapping[str, Any]) -> bool:
    """Whether a message holds anything to learn: content, a call, or reasoning."""
    content = message.get("content")
    if isinstance(content, str):
        content = content.strip()
    elif isinstance(content, Sequence):
        content = any(_part_says_something(part) for part in content)
    return bool(content) or any(message.get(key) for key in (*_CALLS, *_REASONING))


def placeholders(messages: Messages) -> int:
    """How many images, sounds and films the messages point to that a column of their own holds."""
    lists = [each["content"] for each in messages if isinstance(each.get("content"), Sequence)]
    parts = [part for content in lists for part in content if isinstance(part, Mapping)]
    return sum(
        part.get("type") in _MEDIA and not any(part[key] for key in part if key != "type") for part in parts
    )


def from_sharegpt(message: Mapping[str, Any]) -> bool:
    """Whether a message has the form of ShareGPT."""
    return message.get("role") is None and message.get("from") is not None


def _part_says_something(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return bool(str(part or "").strip())
    return bool(str(part.get("text") or "").strip()) if part.get("type", "text") == "text" else True


def _renamed(message: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if message.get("value") is not None and message.get("content") is not None:
        what = "it has both a `value` and a `content`"
        raise DataError(what, where=where, cure="keep the one that is right.")
    gone = {new for old, new in KEYS.items() if old in message and message.get(new) is None}
    renamed: dict[str, Any] = {KEYS.get(key, key): value for key, value in message.items() if key not in gone}
    return {**renamed, "role": ROLES.get(renamed["role"], renamed["role"])}


def _message(found: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        kind = "null" if found is None else f"a {type(found).__name__}"
        raise DataError(f"it is {kind}, not an object with a role and content", where=where, cure=_FORM)
    message: Mapping[str, Any] = _renamed(found, where) if from_sharegpt(found) else found
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or not role:
        what = "it has no role" if role is None else f"its role is {role!r}"
        raise DataError(what, where=where, cure="name who wrote it: system, user, assistant or tool.")
    if role in _FOREIGN:
        raise DataError(
            f"its role is {role!r}, which chat templates do not know",
            where=where,
            cure=f"make it `{_FOREIGN[role]}`.",
        )
    if not isinstance(content, str | Sequence | Mapping | None) or isinstance(content, bytes):
        raise DataError(
            f"its content is a {type(content).__name__}",
            where=where,
            cure="write a text, or a list of parts.",
        )
    return message
