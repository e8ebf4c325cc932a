"""Read every chat template of a model directory, each with its place and whether it is used."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from templatefix.errors import SourceError
from templatefix.model import Origin, Template
from templatefix.sources.files import beginning, decode, read_bytes, require_listable
from templatefix.sources.jsontext import parse
from templatefix.sources.precedence import Place, Stored, by_processor, by_tokenizer
from templatefix.sources.tokens import added_tokens, special_tokens
from templatefix.sources.variants import KEY, is_blank, variants

SPECIAL_TOKENS = "special_tokens_map.json"
TOKENIZER = "tokenizer.json"
PROCESSOR_FILES = (
    Place.PROCESSOR.value,
    Place.LEGACY.value,
    "preprocessor_config.json",
    "video_preprocessor_config.json",
)
_JSON = (Place.TOKENIZER, Place.PROCESSOR, Place.LEGACY)


def read_folder(folder: str, listed: Collection[str] = ()) -> tuple[Template, ...]:
    """Return all templates of a model directory, the effective ones first.

    A blank template that another file shadows is left out: nothing can ever render it.

    Args:
        folder (`str`): The directory.
        listed (`Collection[str]`): Files that count as there without having been downloaded.

    Raises:
        SourceError: There is no template, one in use is blank, or a file cannot be read.
    """
    for part in (folder, os.path.join(folder, Place.ADDITIONAL.value)):
        if os.path.isdir(part):
            require_listable(part)
    configs = {place: _json(folder, place.value) for place in _JSON}
    tokens = special_tokens(configs[Place.TOKENIZER] or {}, _json(folder, SPECIAL_TOKENS) or {})
    stored = [*_texts(folder, tokens), *_values(folder, configs, tokens)]
    used = [*by_tokenizer(stored).values()]
    # Whatever a processor would load counts only where there is one to load.
    if any(name in listed or os.path.isfile(os.path.join(folder, name)) for name in PROCESSOR_FILES):
        used += by_processor(stored, has_legacy=configs[Place.LEGACY] is not None).values()
    places = {one.template.origin for one in used}
    added = _added(folder, configs[Place.TOKENIZER])
    templates = [
        replace(one.template, effective=one.template.origin in places, special_tokens=added) for one in stored
    ]
    kept = [template for template in templates if template.effective or not is_blank(template.source)]
    if not kept:
        raise SourceError(
            "the directory holds no chat template; looked for chat_template.jinja, "
            "additional_chat_templates/*.jinja, and `chat_template` in tokenizer_config.json, "
            "processor_config.json and chat_template.json",
            where=folder,
            cure="name the directory of an instruct or chat model; a base model has no chat template.",
        )
    return tuple(sorted(kept, key=lambda template: not template.effective))


def with_tokens(template: Template) -> Template:
    """Return a template with the tokens that the files of a tokenizer beside it name.

    Args:
        template (`Template`): One of a file; a file in `additional_chat_templates/` belongs to the directory above.

    Raises:
        SourceError: One of the tokenizer's files cannot be read.
    """
    file = template.origin.path
    folder = os.path.dirname(file)
    if is_additional(file):
        folder = os.path.normpath(os.path.join(folder, os.pardir))
    config = _json(folder, Place.TOKENIZER.value)
    named = special_tokens(config or {}, _json(folder, SPECIAL_TOKENS) or {})
    return replace(template, variables=named, special_tokens=_added(folder, config))


def _added(folder: str, config: Mapping[str, Any] | None) -> tuple[str, ...]:
    path = os.path.join(folder, TOKENIZER)
    needed = "added_tokens_decoder" not in (config or {}) and os.path.isfile(path)
    return added_tokens(config or {}, beginning(path) if needed else "")


def is_additional(file: str) -> bool:
    """Whether a file lies in a folder `additional_chat_templates`."""
    return os.path.basename(os.path.dirname(os.path.abspath(file))) == Place.ADDITIONAL.value


def _texts(folder: str, tokens: Mapping[str, str]) -> list[Stored]:
    found = [(Place.JINJA, "default", os.path.join(folder, Place.JINJA.value))]
    # pathlib's glob as in transformers, which finds hidden files too
    for file in sorted(Path(folder, Place.ADDITIONAL.value).glob("*.jinja")):
        path = os.path.join(folder, Place.ADDITIONAL.value, file.name)
        found.append((Place.ADDITIONAL, file.name.removesuffix(".jinja"), path))
    return [
        Stored(place, Template(decode(read_bytes(path), path), name, Origin(path), variables=tokens))
        for place, name, path in found
        if os.path.isfile(path)
    ]


def _values(
    folder: str, configs: Mapping[Place, dict[str, Any] | None], tokens: Mapping[str, str]
) -> list[Stored]:
    return [
        Stored(place, Template(one.text, one.name, Origin(path, one.pointer), variables=tokens))
        for place, config in configs.items()
        for path in [os.path.join(folder, place.value)]
        for one in variants((config or {}).get(KEY), path)
    ]


def _json(folder: str, name: str) -> dict[str, Any] | None:
    path = os.path.join(folder, name)
    return parse(decode(read_bytes(path), path), path) if os.path.isfile(path) else None
