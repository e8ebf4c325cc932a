"""Read the chat template of a tokenizer or processor, recognised by what it has, not by its class."""

from __future__ import annotations

from typing import Any, Protocol

from templatefix.errors import SourceError
from templatefix.model import Origin, Template
from templatefix.sources.variants import KEY, variants


class HasChatTemplate(Protocol):
    """A tokenizer or processor of transformers, or anything that looks like one."""

    chat_template: Any


def read_object(target: HasChatTemplate) -> tuple[Template, ...]:
    """Return the templates of a tokenizer or processor.

    Args:
        target (`HasChatTemplate`): The object. A processor renders with its tokenizer's special tokens.

    Raises:
        SourceError: It has no chat template.
    """
    origin = Origin(f"<{type(target).__name__}>")
    tokenizer = getattr(target, "tokenizer", None)
    found = variants(target.chat_template, origin.path)
    if not found:
        raise SourceError("it has no chat template", where=origin.path, cure=_cure(tokenizer))
    tokens = (
        getattr(target, "special_tokens_map", None) or getattr(tokenizer, "special_tokens_map", None) or {}
    )
    named = {key: str(token) for key, token in tokens.items() if not isinstance(token, list | tuple)}
    added = added_tokens(target)
    return tuple(Template(one.text, one.name, origin, variables=named, special_tokens=added) for one in found)


def added_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Return the texts that a tokenizer, or a processor's, holds as one token outside its vocabulary."""
    inner = getattr(tokenizer, "tokenizer", None) or tokenizer
    return tuple(str(token) for token in (getattr(inner, "added_tokens_decoder", None) or {}).values())


def _cure(tokenizer: Any) -> str:
    if getattr(tokenizer, KEY, None):
        return "its tokenizer has one: pass `processor.tokenizer`, or set `processor.chat_template` to it."
    return "set its `chat_template`, or load an instruct or chat model; a base model has none."
