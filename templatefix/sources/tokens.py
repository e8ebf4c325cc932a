"""The special tokens that transformers hands to the render, worked out from the configuration files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def special_tokens(config: Mapping[str, Any], legacy: Mapping[str, Any]) -> dict[str, str]:
    """Return name and text of each special token, as the tokenizer's `special_tokens_map` would hold them.

    A token that only the tokenizer's class defines, and no file names, is not known here.

    Args:
        config (`Mapping[str, Any]`): `tokenizer_config.json`.
        legacy (`Mapping[str, Any]`): `special_tokens_map.json`. As in transformers it overrides `config`,
            and is not even read where `config` holds an `added_tokens_decoder`.
    """
    merged = dict(config) if "added_tokens_decoder" in config else {**config, **legacy}
    extra = merged.get("extra_special_tokens")
    named = {key: value for key, value in merged.items() if key.endswith("_token")}
    if isinstance(extra, Mapping):
        named |= extra
    return {key: text for key, value in named.items() if (text := _text(value)) is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None


_ADDED = re.compile(r'"added_tokens"\s*:\s*(?=\[)')


def added_tokens(config: Mapping[str, Any], tokenizer: str) -> tuple[str, ...]:
    """Return the texts that a tokenizer holds as one token outside its vocabulary.

    Args:
        config (`Mapping[str, Any]`): `tokenizer_config.json`.
        tokenizer (`str`): The beginning of `tokenizer.json`. The list stands before the vocabulary, which is not read.

    Returns:
        `tuple[str, ...]`: Nothing where neither file lists them. Whoever loads a broken tokenizer reports it.
    """
    added: Any = config.get("added_tokens_decoder")
    listed = [*added.values()] if isinstance(added, Mapping) else []
    if not isinstance(added, Mapping) and (start := _ADDED.search(tokenizer)):
        try:
            listed, _ = json.JSONDecoder().raw_decode(tokenizer, start.end())
        except (ValueError, RecursionError):
            listed = []
    texts = (_text(each) for each in listed if isinstance(each, Mapping))
    return tuple(dict.fromkeys(text for text in texts if text))
