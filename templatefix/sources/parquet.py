"""Read Parquet, batch by batch. `pyarrow` is imported only here, when a file asks for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from templatefix.errors import SourceError
from templatefix.sources.files import unreadable

SUFFIX = ".parquet"
BATCH = 500
"""Rows of a batch, and of a row group that is written."""


def arrow() -> Any:
    """Return `pyarrow`, with `pyarrow.parquet` loaded.

    Raises:
        SourceError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SourceError(
            "Parquet needs pyarrow, which is not installed",
            cure='python -m pip install "templatefix[data]", or convert from and to JSON lines.',
        ) from error
    return pyarrow


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a Parquet file: a `pyarrow.parquet.ParquetFile`.

    Raises:
        SourceError: It cannot be read, now or later.
    """
    pa = arrow()
    try:
        with open(path, "rb") as raw, pa.parquet.ParquetFile(raw) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(error, path) from error
        cure = "check that it is whole, and that its name does not end in .parquet by mistake."
        what = f"it cannot be read as Parquet: {first_line(error)}"
        raise SourceError(what, where=path, cure=cure) from error


def first_line(error: Exception) -> str:
    """The first line of what an error says; Arrow goes on for many."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def batches(path: str) -> Iterator[Any]:
    """Read record batches of at most `BATCH` rows."""
    with opened(path) as file:
        names = file.schema_arrow.names
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            cure = "rename one of the two, so that it can be told which is meant."
            raise SourceError(f"two columns are called `{twice[0]}`", where=path, cure=cure)
        yield from file.iter_batches(batch_size=BATCH)


def read_parquet(path: str, filled: Collection[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read rows as Python values; see [`plain`].

    Args:
        path (`str`): The file.
        filled (`Collection[str]`): Columns whose structs are objects of JSON, with keys that Arrow filled in.

    Raises:
        SourceError: It cannot be read.
    """
    done = 0
    for batch in batches(path):
        names, types = batch.schema.names, batch.schema.types
        for index, row in enumerate(_values(batch, path)):
            yield (
                f"{path}: row {done + index}",
                {
                    name: plain(row[name], type_, filled=name in filled)
                    for name, type_ in zip(names, types, strict=True)
                },
            )
        done += batch.num_rows


def _values(batch: Any, path: str) -> list[dict[str, Any]]:
    try:
        return list(batch.to_pylist())
    except (ValueError, NotImplementedError) as error:  # nanoseconds, where pandas is not installed
        what = f"a value has no form in Python: {first_line(error)}"
        raise SourceError(what, where=path, cure="write Parquet (-o OUT.parquet), which keeps it.") from error


def plain(value: Any, type_: Any, *, filled: bool) -> Any:
    """Return a value of Arrow as the JSON value it was made from.

    A struct has the keys of all rows, `None` where a row had none: with `filled` these go, except `content`, for which
    templates ask. A value that is stored as JSON text because rows differ too much (`datasets.Json`) is parsed.

    Args:
        value (`Any`): The value.
        type_ (`pyarrow.DataType`): Its type.
        filled (`bool`): Whether a key that is `None` was filled in.
    """
    pa = arrow()
    if value is None:
        return None
    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name == "arrow.json" and isinstance(value, str):
            return json.loads(value)
        return plain(value, type_.storage_type, filled=filled)
    if pa.types.is_struct(type_):
        return {
            field.name: plain(value[field.name], field.type, filled=filled)
            for field in type_
            if not filled or value[field.name] is not None or field.name == "content"
        }
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return [plain(each, type_.value_type, filled=filled) for each in value]
    return value
