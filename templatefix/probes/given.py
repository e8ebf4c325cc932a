"""A user's own conversation as a probe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from templatefix.model import Conversation, Message
from templatefix.probes.messages import Probe, Turn

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "ipython", "environment")
"""The roles that a conversation may name."""

_REASONING = ("reasoning_content", "reasoning", "thinking")


def given(
    messages: Conversation,
    tools: list[dict[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    name: str = "your conversation",
) -> Probe:
    """Return a conversation as a probe. Texts that stand in it more than once tell nothing and are left out.

    Args:
        messages (`list[dict]`): The conversation.
        tools (`list[dict]`, *optional*): JSON schemas of the tools on offer.
        options (`Mapping`, *optional*): Template variables such as `enable_thinking`.
        name (`str`): A name for people.
    """
    # As transformers does: a key without a value is no key.
    messages = [{key: value for key, value in message.items() if value is not None} for message in messages]
    texts = [list(dict.fromkeys(_texts(message))) for message in messages]
    counts = Counter(text for each in texts for text in each)
    turns = tuple(
        Turn(str(message["role"]), tuple(text for text in each if counts[text] == 1))
        for message, each in zip(messages, texts, strict=True)
    )
    return Probe(name, list(messages), turns, tuple(tools) if tools else None, dict(options or {}))


def _texts(message: Message) -> Iterator[str]:
    yield from _leaves([message.get(key) for key in _REASONING])
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    yield from _leaves([part.get("text") if isinstance(part, Mapping) else part for part in parts])
    for call in message.get("tool_calls") or []:
        function = call.get("function", call) if isinstance(call, Mapping) else {}
        yield from _leaves(function.get("arguments"))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value.strip()
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
