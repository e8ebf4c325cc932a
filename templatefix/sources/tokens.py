"""The special tokens that transformers hands to the render, worked out from the configuration files."""

from __future__ import annotations

import json
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


def added_tokens(config: Mapping[str, Any], tokenizer: str) -> tuple[str, ...]:
    """Return the texts that a tokenizer holds as one token outside its vocabulary.

    Args:
        config (`Mapping[str, Any]`): `tokenizer_config.json`.
        tokenizer (`str`): The text of `tokenizer.json`, which is not parsed as a whole: it may be large.
    """
    added: Any = config.get("added_tokens_decoder")
    if isinstance(added, Mapping):
        added = [*added.values()]
    else:
        start = tokenizer.find("[", tokenizer.find('"added_tokens"') + 1)
        try:
            added, _ = json.JSONDecoder().raw_decode(tokenizer, start)
        except ValueError:  # whoever loads the tokenizer says so
            added = []
    return tuple(dict.fromkeys(text for each in added if (text := _text(each))))
