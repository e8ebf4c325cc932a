"""Bytes in: read a file or standard input, bounded, and say clearly what is wrong with it."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from templatefix.errors import SourceError

STDIN = "-"
LIMIT = 16 * 1024 * 1024
"""The largest file that is read, in bytes. Real ones stay below 2 MiB, `added_tokens_decoder` included."""

_MIB = 1024 * 1024
_TOKENIZER = (
    "a tokenizer.json holds the vocabulary, not the chat template; "
    "name its directory, or the tokenizer_config.json or chat_template.jinja beside it."
)


def spell(path: str) -> str:
    """Return `path` so that no file is taken for standard input or an object such as `<LlamaTokenizer>`."""
    return os.path.join(os.curdir, path) if path == STDIN or path.startswith("<") else path


def is_file(path: str) -> bool:
    """Whether the path of an `Origin` names a file, and not standard input or an object."""
    return path != STDIN and not path.startswith("<")


def tokenizer_cure(path: str, otherwise: str) -> str:
    """Return the cure for a `tokenizer.json` given by mistake, or `otherwise`."""
    return _TOKENIZER if os.path.basename(path) == "tokenizer.json" else otherwise


def read_bytes(path: str) -> bytes:
    """Return the content of a file.

    Args:
        path (`str`): The file. A pipe such as `/dev/fd/63` is read as well.

    Raises:
        SourceError: There is no such file, it may not be read, or it is larger than `LIMIT`.
    """
    try:
        with open(path, "rb") as file:
            return _bounded(file, path)
    except OSError as error:
        raise unreadable(error, path) from error


def beginning(path: str, size: int = 4 * _MIB) -> str:
    """Return the first part of a text file, however large it is; empty if it cannot be read.

    Args:
        path (`str`): The file.
        size (`int`): How many bytes to read at most.
    """
    try:
        with open(path, "rb") as file:
            return file.read(size).decode("utf-8", "replace")
    except OSError:
        return ""


def unreadable(error: OSError, path: str) -> SourceError:
    """Return the error to raise where `path` could not be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceError(
            "there is no such file or directory",
            where=path,
            cure="check the spelling; a path is taken relative to the current directory.",
        )
    if isinstance(error, PermissionError):
        return SourceError(
            "the file may not be read: permission denied",
            where=path,
            cure="give yourself read permission (`chmod u+r`), or copy the file to where you have it.",
        )
    return SourceError(
        f"the file could not be read: {error.strerror or error}",
        where=path,
        cure="check the disk or the mount, and that the path names a regular file.",
    )


def require_listable(folder: str) -> None:
    """Check that the files of a directory can be found, for a file that cannot would look like none.

    Raises:
        SourceError: The permission is missing.
    """
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(
            "the directory may not be read: permission denied",
            where=folder,
            cure="give yourself permission to list it (`chmod u+rx`), or copy it to where you have it.",
        )


def read_stdin() -> bytes:
    """Return all of standard input.

    Raises:
        SourceError: It is closed, or larger than `LIMIT`.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise SourceError(
            "standard input is closed", where=STDIN, cure="pipe a template in, or name a file instead of `-`."
        )
    return _bounded(sys.stdin.buffer, STDIN)


def decode(data: bytes, path: str) -> str:
    """Decode UTF-8 exactly: line ends stay, and so does a byte order mark, which transformers keeps too.

    Args:
        data (`bytes`): The file's content.
        path (`str`): The file, for the message.

    Raises:
        SourceError: The bytes are not UTF-8 text.
    """
    if data.startswith(b"GGUF"):
        raise SourceError(
            "this is a GGUF model file by another name",
            where=path,
            cure="give it a name that ends with .gguf.",
        )
    try:
        text = data.decode()
        bad = data.find(0)
    except UnicodeDecodeError as error:
        text, bad = "", error.start
    if bad < 0:
        return text
    raise SourceError(
        f"the file is not UTF-8 text: byte 0x{data[bad]:02x} at offset {bad}",
        where=path,
        cure="name the .jinja or .json file that holds the chat template; if this is it, save it as UTF-8.",
    )


def _bounded(file: BinaryIO, path: str) -> bytes:
    data = file.read(LIMIT + 1)
    if len(data) <= LIMIT:
        return data
    raise too_large(path)


def too_large(path: str) -> SourceError:
    """Return what to raise where a file is larger than `LIMIT`."""
    return SourceError(
        f"the file is larger than {LIMIT // _MIB} MiB, which no chat template is",
        where=path,
        cure=tokenizer_cure(path, "name the .jinja or .json file that holds the chat template."),
    )
