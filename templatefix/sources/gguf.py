"""Chat templates in the metadata of GGUF model files: read where they are, written only to a copy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from templatefix.errors import SourceError, UsageError, WriteError
from templatefix.model import Origin, Template

SUFFIX = ".gguf"
_BROKEN = (ValueError, IndexError, KeyError, OverflowError)
_KEY = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_SPECIAL = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
}


def is_gguf(path: str) -> bool:
    """Whether a path is named as a GGUF file."""
    return path.lower().endswith(SUFFIX)


def read_gguf(path: str) -> tuple[Template, ...]:
    """Return the templates of a GGUF file, the default first. Its weights are not read.

    Args:
        path (`str`): The file.

    Raises:
        SourceError: It cannot be read, or holds no chat template.
        UsageError: The package gguf is not installed.
    """
    with _reading(path) as fields:
        texts = {key: str(field.contents()) for key, field in fields.items() if _is_template(key)}
        tokens = {
            name: str(fields[_TOKENS].contents(int(fields[key].contents())))
            for name, key in _SPECIAL.items()
            if key in fields and _TOKENS in fields
        }
    if not texts:
        raise SourceError(
            f"the GGUF file holds no chat template: no `{_KEY}`",
            where=path,
            cure="name the file of an instruct or chat model; a base model has no chat template.",
        )
    return tuple(
        Template(texts[key], _name(key), Origin(path, key), variables=tokens) for key in sorted(texts)
    )


def write_gguf(out: Path, path: str, changes: Mapping[str, str]) -> None:
    """Write a copy of a GGUF file with other templates in it; all else is as it was, named templates too.

    Args:
        out (`Path`): The new file.
        path (`str`): The file to copy.
        changes (`Mapping[str, str]`): New text for the name of each template that changes.

    Raises:
        SourceError: The file cannot be read.
        WriteError: The copy does not hold what it should.
    """
    import gguf
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    kept = {template.name: template.source for template in read_gguf(path)}
    texts = [{"name": name, "template": text} for name, text in (kept | dict(changes)).items()]
    with _reading(path, whole=True) as reader:
        arch = str(reader.fields[gguf.Keys.General.ARCHITECTURE].contents())
        writer = gguf.GGUFWriter(out, arch=arch, endianess=reader.endianess)
        alignment = reader.fields.get(gguf.Keys.General.ALIGNMENT)
        if alignment is not None:
            writer.data_alignment = int(alignment.contents())
        details = MetadataDetails(gguf.GGUFValueType.ARRAY, texts)
        copy_with_new_metadata(reader, writer, {_KEY: details}, [])
    written = {template.name: template.source for template in read_gguf(str(out))}
    if written != {each["name"]: each["template"] for each in texts}:
        raise WriteError("the copy does not hold the templates that were written", where=str(out))


def refuse_in_place(path: str) -> WriteError:
    """Return what to raise where a GGUF file would be changed itself."""
    return WriteError(
        "a GGUF file is not changed in place: its weights would have to move",
        where=path,
        cure="write a patched copy with `-o NEW.gguf`; it takes as much space again.",
    )


def _is_template(key: str) -> bool:
    return key == _KEY or key.startswith(f"{_KEY}.")


def _name(key: str) -> str:
    return key.removeprefix(_KEY).removeprefix(".") or "default"


@contextmanager
def _reading(path: str, *, whole: bool = False) -> Iterator[Any]:
    """Open a file, for its metadata or `whole`; what the package raises becomes a `SourceError`."""
    try:
        import numpy as np
        from gguf import GGUFReader
    except ImportError as error:
        raise UsageError(
            "GGUF files are read by the package gguf, which is not installed",
            where=path,
            cure="python -m pip install 'templatefix[gguf]'",
        ) from error
    if not os.path.isfile(path):
        raise SourceError("there is no such file", where=path, cure="check the spelling.")

    class Bounded(GGUFReader):  # type: ignore[misc]  # the package has no types
        """Ends where the file does: what it says of its own size may be wrong, and the package goes on for ever."""

        def _get(self, offset: int, dtype: Any, count: int = 1, *more: Any, **named: Any) -> Any:
            if int(offset) + np.dtype(dtype).itemsize * int(count) > len(self.data):
                raise ValueError("it ends early")
            return super()._get(offset, dtype, count, *more, **named)

    try:
        reader = Bounded(path)
    except (*_BROKEN, OSError) as error:
        raise _unreadable(path, error) from error
    try:
        yield reader if whole else reader.fields
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> SourceError:
    return SourceError(
        f"this is no GGUF file that can be read: {error}",
        where=path,
        cure="download the file again; a split model has its metadata in the first part.",
    )
