"""Read the chat templates of a model on the Hub: its list of files, then only those that matter."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch

from templatefix.errors import SourceError
from templatefix.hub import HubId
from templatefix.hub.snapshot import Snapshot, fetch, resolve
from templatefix.model import HubFile, Template
from templatefix.sources.files import LIMIT, too_large
from templatefix.sources.folder import SPECIAL_TOKENS, read_folder
from templatefix.sources.precedence import Place

_ADDITIONAL = f"{Place.ADDITIONAL.value}/*.jinja"
_HOLDERS = (
    Place.JINJA.value,
    _ADDITIONAL,
    Place.TOKENIZER.value,
    Place.PROCESSOR.value,
    Place.LEGACY.value,
)
_LOADABLE = (
    *_HOLDERS,
    "config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*preprocessor_config.json",
    "*vocab*",
    "merges.txt",
    "tokenizer*.model*",
    "sp*.model",
    "sentencepiece*.model",
    "*.spm",
    "*.tiktoken",
    "tekken.json",
)
"""What a tokenizer or processor is loaded from; no pattern may fit a `token.json`, which could be a secret."""


def read_hub(target: HubId) -> tuple[Template, ...]:
    """Return the templates of a model on the Hub, each with its file and commit; the effective ones first.

    Args:
        target (`HubId`): The model and its revision.

    Raises:
        HubError: The Hub was not reached, or refused.
        SourceError: There is no template, or a file is broken.
    """
    snapshot = resolve(target)
    wanted = matching(snapshot.files, _HOLDERS)
    if not wanted:
        raise SourceError(
            "the model holds no file that a chat template could be in",
            where=f"{target.repo}@{snapshot.sha[:8]}",
            cure="name the instruct or chat model; a base model has no chat template, "
            "and a repository of GGUF files alone keeps it in them: download one and name it.",
        )
    for name in wanted:
        if snapshot.files[name] > LIMIT:  # before it is downloaded
            raise too_large(f"{target.repo}@{snapshot.sha[:8]}/{name}")
    folder = fetch(snapshot, wanted)
    try:
        # As in transformers, it is not even looked at beside an `added_tokens_decoder`.
        if SPECIAL_TOKENS in snapshot.files and not _knows_its_tokens(folder):
            fetch(snapshot, [SPECIAL_TOKENS])
        found = read_folder(folder, listed=snapshot.files)
    except SourceError as error:
        here = error.where.replace(folder, f"{target.repo}@{snapshot.sha[:8]}")
        raise SourceError(error.what, where=here, cure=error.cure) from error
    return tuple(_placed(each, folder, snapshot) for each in found)


def fetch_loadable(target: HubId) -> tuple[str, tuple[str, ...]]:
    """Bring all that a tokenizer or processor is loaded from into the cache.

    Args:
        target (`HubId`): The model and its revision.

    Returns:
        `tuple[str, tuple[str, ...]]`: The folder, and the names of the files in it.

    Raises:
        HubError: The Hub was not reached, or refused.
        SourceError: The model holds none of these files.
    """
    snapshot = resolve(target)
    names = matching(snapshot.files)
    if not names:
        raise SourceError(
            "the model holds no file of a tokenizer",
            where=str(target),
            cure="name the model it was made from.",
        )
    return fetch(snapshot, names), names


def matching(files: Iterable[str], patterns: Iterable[str] = _LOADABLE) -> tuple[str, ...]:
    """Return those names of files that fit a pattern, at its own depth; by default what a tokenizer is loaded from."""
    wanted = tuple(patterns)
    return tuple(
        name
        for name in sorted(files)
        if any(fnmatch(name, pattern) and name.count("/") == pattern.count("/") for pattern in wanted)
    )


def _knows_its_tokens(folder: str) -> bool:
    try:
        with open(os.path.join(folder, Place.TOKENIZER.value), encoding="utf-8-sig") as file:
            return "added_tokens_decoder" in json.load(file)
    except (OSError, ValueError, TypeError):
        return False  # absent, or broken, which `read_folder` says better


def _placed(template: Template, folder: str, snapshot: Snapshot) -> Template:
    name = os.path.relpath(template.origin.path, folder).replace(os.sep, "/")
    file = HubFile(snapshot.target.repo, snapshot.target.revision, snapshot.sha, name, snapshot.cached)
    return replace(template, origin=replace(template.origin, hub=file))
