"""Read the rows of a file of JSON, one by one."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from templatefix.errors import SourceError
from templatefix.sources.files import unreadable

Row = tuple[str, dict[str, Any]]
"""What to call a row (`train.jsonl:12`, by its line, or `train.json: row 11`, counted from 0), and its columns."""

LINES = (".jsonl", ".ndjson")
JSON = (*LINES, ".json")
_BOM = b"\xef\xbb\xbf"
_LINES_CURE = "write one JSON object a line."
_LIST_CURE = (
    "write one JSON object a line, or one list of objects; other forms `datasets` can read and save as such."
)


def form(path: str) -> str:
    """Return the suffix that tells the form of a file, without one of compression: `.jsonl`."""
    name = Path(path).name.lower()
    return Path(name.removesuffix(".gz")).suffix


def read_rows(path: str) -> Iterator[Row]:
    """Read JSON lines, or a list in a `.json` file; compressed if the name ends in `.gz`.

    Of JSON lines one is held in memory at a time, and blank ones are passed over; a list is held as a whole.

    Args:
        path (`str`): The file.

    Raises:
        SourceError: It cannot be read, or a line is no JSON object; names the line.
    """
    try:
        with gzip.open(path, "rb") if path.lower().endswith(".gz") else open(path, "rb") as file:
            yield from _rows(file, path)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        cure = "make it again, or decompress it yourself (`gunzip`)."
        raise SourceError(f"it is no whole gzip file: {error}", where=path, cure=cure) from error
    except OSError as error:
        raise unreadable(error, path) from error


def _rows(file: IO[bytes], path: str) -> Iterator[Row]:
    as_list = form(path) == ".json"
    begun = False
    for number, line in enumerate(file, 1):
        if number == 1:
            line = line.removeprefix(_BOM)
        if not line.strip():
            continue
        if as_list and not begun and line.lstrip().startswith(b"["):
            yield from _listed(b"\n" * (number - 1) + line + file.read(), path)
            return
        begun = True
        where = f"{path}:{number}"
        yield where, _object(parse(line, path, number, _LIST_CURE if as_list else _LINES_CURE), where)


def _listed(data: bytes, path: str) -> Iterator[Row]:
    for index, each in enumerate(parse(data, path, 0, _LIST_CURE)):
        where = f"{path}: row {index}"
        yield where, _object(each, where)


def parse(data: bytes, path: str, line: int, cure: str) -> Any:
    """Parse JSON.

    Args:
        data (`bytes`): The text.
        path (`str`): The file, for the message.
        line (`int`): Its line, from 1; 0 if `data` is all of the file.
        cure (`str`): What to write instead.

    Raises:
        SourceError: It is no JSON.
    """
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError as error:
        what, at = f"it is not UTF-8 text: byte 0x{data[error.start]:02x} at column {error.start + 1}", line
        cure = "save the file as UTF-8."
    except json.JSONDecodeError as error:
        at = line or error.lineno
        what = f"it is no JSON: {error.msg} at column {error.colno}"
    except ValueError as error:  # Python's limit of digits in a number
        what, at = f"it cannot be read: {error}", line
    except RecursionError:
        what, at = "it is nested too deeply", line
        cure = "drop the row, or store what is nested as a text."
    raise SourceError(what, where=f"{path}:{at}" if at else path, cure=cure)


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    kind = "null" if value is None else f"a {type(value).__name__}"
    raise SourceError(
        f"it is {kind}, not an object",
        where=where,
        cure="write one JSON object for each row; if the file is one list of objects, name it .json.",
    )


def batched(lines: IO[bytes], size: int) -> Iterator[list[dict[str, Any]]]:
    """Read back lines of JSON that were written here, so many at a time."""
    while batch := [json.loads(line) for line in islice(lines, size)]:
        yield batch
