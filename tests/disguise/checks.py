"""Check that a disguise keeps the text: plain conversations render alike, once its words are replaced back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from templatefix.errors import TemplateFixError
from templatefix.model import Message
from templatefix.render import Renderer
from tests.disguise.literals import inverse
from tests.disguise.rewrites import Disguise
from tests.referee import CONVERSATIONS, TOOLS

VARIABLES = {"bos_token": "<|plain-bos|>", "eos_token": "<|plain-eos|>", "pad_token": "<|plain-pad|>"}
_THOUGHT = "<think>\nFrance's capital is Paris.\n</think>\n\nParis."
_QUESTION = {"role": "user", "content": "What is the capital of France?"}
_MORE: dict[str, list[Message]] = {
    "reasoning in the content": [_QUESTION, {"role": "assistant", "content": _THOUGHT}, _QUESTION],
    "content in parts": [
        {"role": "user", "content": [{"type": "text", "text": "Name a color."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Blue."}]},
    ],
}


def _renders(keys: tuple[str, ...]) -> Iterator[tuple[list[Message], dict[str, Any]]]:
    """Yield conversations and variables to render them with; some have messages with these keys."""
    for messages in (*CONVERSATIONS.values(), *_MORE.values()):
        tools = TOOLS if any("tool_calls" in message for message in messages) else None
        yield messages, {"tools": tools}
        question = messages[: 1 + max(at for at, each in enumerate(messages) if each["role"] == "user")]
        for thinking in ({}, {"enable_thinking": False}):
            yield question, {"tools": tools, "add_generation_prompt": True, **thinking}
    for key in keys:
        yield [{**message, key: "Additional."} for message in CONVERSATIONS["two rounds"]], {}


@cache
def _texts(source: str, keys: tuple[str, ...]) -> tuple[str | None, ...]:
    renderer = Renderer(source, VARIABLES)
    return tuple(renderer.text(messages, **options) for messages, options in _renders(keys))


def objection(original: str, disguise: Disguise) -> str:
    """Return why a disguise is not one; `''` if all plain conversations render alike, and at least one renders.

    Args:
        original (`str`): The template.
        disguise (`Disguise`): The disguised template.
    """
    try:
        expected = _texts(original, tuple(disguise.keys.values()))
        texts = _disguised_texts(disguise)
    except TemplateFixError as error:
        return f"{type(error).__name__}: {error}"
    if not any(expected):
        return "no plain conversation renders"
    renamed = {**disguise.roles, **disguise.tokens}
    for before, after in zip(expected, texts, strict=True):
        if before != (after if after is None else inverse(after, renamed)):
            return "a plain conversation renders to another text"
    if assembled := _assembled(disguise, texts):
        return f"special tokens are also put together from parts: {', '.join(sorted(assembled))}"
    return ""


def without_assembled(disguise: Disguise) -> Disguise:
    """Give special tokens that the template also puts together from parts their old names.

    `'<|assistant|>'` in one place and `'<|' + message.role + '|>'` in another must stay the same token.
    """
    assembled = _assembled(disguise, _disguised_texts(disguise))
    back = {new: old for new, old in disguise.tokens.items() if old in assembled}
    kept = {new: old for new, old in disguise.tokens.items() if old not in assembled}
    return replace(disguise, source=inverse(disguise.source, back), tokens=kept)


def _assembled(disguise: Disguise, texts: Iterable[str | None]) -> set[str]:
    return {token for text in texts if text for token in disguise.tokens.values() if token in text}


def _disguised_texts(disguise: Disguise) -> list[str | None]:
    words = {token: word for word, token in disguise.tokens.items()}
    renderer = Renderer(disguise.source, VARIABLES)
    return [
        renderer.text(_renamed(messages, words), **options)
        for messages, options in _renders(tuple(disguise.keys))
    ]


def _renamed(value: Any, words: Mapping[str, str]) -> Any:
    """Return a conversation with each of the template's special tokens in its texts renamed."""
    if isinstance(value, str):
        return inverse(value, words)
    if isinstance(value, list):
        return [_renamed(each, words) for each in value]
    if isinstance(value, dict):
        return {key: _renamed(each, words) for key, each in value.items()}
    return value
