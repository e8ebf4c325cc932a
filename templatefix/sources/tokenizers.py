"""Load a fast tokenizer from a directory: no network, none of the model's own code."""

from __future__ import annotations

import json
import os
from typing import Any

from templatefix.errors import SourceError
from templatefix.hub import hub_id

FILE = "tokenizer.json"
_CONFIG = "tokenizer_config.json"
_SLOW_FILES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json")


def has_tokenizer(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a directory with a fast tokenizer in it."""
    return os.path.isfile(os.path.join(path, FILE))


def load_tokenizer(path: str | os.PathLike[str]) -> Any:
    """Load the fast tokenizer of a directory, or of a model on the Hub.

    Args:
        path (`str` or `os.PathLike`): A directory with a `tokenizer.json`, that file, or `org/name[@revision]`.

    Returns:
        `PreTrainedTokenizerFast`: The tokenizer, of its own class where transformers knows it.

    Raises:
        HubError: The Hub was not reached, or refused.
        SourceError: There is none, it is a slow one only, or its files are broken.
    """
    folder = os.fsdecode(path)
    if (model := hub_id(path)) is not None:
        from templatefix.sources.hub import fetch_loadable

        folder, _ = fetch_loadable(model)
    if os.path.basename(folder) == FILE and os.path.isfile(folder):
        folder = os.path.dirname(folder) or os.curdir
    _require_files(folder)
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        tokenizer = _load(AutoTokenizer, folder)
        if tokenizer.is_fast:
            return tokenizer
    except SourceError:
        pass  # its class is not in transformers, or is code of the model's; the generic class reads the same file
    return _load(PreTrainedTokenizerFast, folder)


def _load(loader: Any, folder: str) -> Any:
    try:
        return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise SourceError(
            f"transformers cannot load the tokenizer: {first}",
            where=folder,
            cure="download tokenizer.json and tokenizer_config.json of the model again, or upgrade transformers.",
        ) from error


def _require_files(folder: str) -> None:
    if not os.path.isdir(folder):
        raise SourceError(
            "there is no such directory to load a tokenizer from",
            where=folder,
            cure="name a local directory that holds tokenizer.json; download the model's first.",
        )
    if not has_tokenizer(folder):
        slow = next((name for name in _SLOW_FILES if os.path.isfile(os.path.join(folder, name))), "")
        if slow:
            raise SourceError(
                f"the directory holds only a slow tokenizer ({slow}), which does not map tokens to characters",
                where=folder,
                cure="convert it: `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)` writes tokenizer.json.",
            )
        raise SourceError(
            f"the directory holds no tokenizer: no {FILE}",
            where=folder,
            cure="name the directory that the model's tokenizer.json lies in.",
        )
    for name in (FILE, _CONFIG):
        _require_json(os.path.join(folder, name))


def _require_json(file: str) -> None:
    if not os.path.isfile(file):
        return
    try:
        with open(file, encoding="utf-8") as opened:
            whole = isinstance(json.load(opened), dict)
        what = "" if whole else "the file is not a JSON object"
    except OSError as error:
        what = f"the file could not be read: {error.strerror or error}"
    except (ValueError, RecursionError) as error:
        what = f"the file is not JSON: {error}"
    if what:
        raise SourceError(
            what, where=file, cure="download the file again; a Git LFS pointer is not the file."
        )
