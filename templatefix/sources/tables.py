"""Write Parquet, batch by batch: what a row would not come back from is refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from templatefix.errors import WriteError
from templatefix.sources.parquet import arrow, first_line

_CURE = "write JSON lines instead (-o OUT.jsonl), which keep every row as it is."
_MESSAGES = ("prompt", "completion")


def write_parquet(file: BinaryIO, schema: Any, found: Iterable[Any], label: str) -> None:
    """Write record batches, each as a row group.

    Args:
        file (`BinaryIO`): The open file.
        schema (`pyarrow.Schema`): Theirs.
        found (`Iterator[pyarrow.RecordBatch]`): The batches.
        label (`str`): The file, for the message.

    Raises:
        WriteError: Parquet has no form for the schema.
        OSError: It could not be written.
    """
    pa = arrow()
    try:
        with pa.parquet.ParquetWriter(file, schema) as writer:
            for batch in found:
                if batch.num_rows:
                    writer.write_batch(batch)
    except pa.ArrowException as error:
        raise WriteError(
            f"Parquet has no form for it: {first_line(error)}", where=label, cure=_CURE
        ) from error


def schema_of(rows: Sequence[dict[str, Any]], before: Any, label: str) -> Any:
    """Return the schema that holds `rows`, and those of `before` too.

    Raises:
        WriteError: Values of one column are of different kinds.
    """
    pa = arrow()
    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        found = pa.schema([(name, pa.infer_type([row.get(name) for row in rows])) for name in names])
        return found if before is None else pa.unify_schemas([before, found], promote_options="permissive")
    except (pa.ArrowException, OverflowError) as error:
        raise WriteError(
            f"rows differ too much for one column: {first_line(error)}", where=label, cure=_CURE
        ) from error


def batch_of(rows: Sequence[dict[str, Any]], schema: Any, label: str) -> Any:
    """Return a record batch of `rows`, which gives just them back.

    A column or a message's key may be filled with `None` in rows that have none: that is how Arrow says so. Deeper
    down, in the arguments of a call, in a tool's schema or in a part of a message, templates print or look for
    what is there, and a key filled in would be trained.

    Raises:
        WriteError: A row would not come back as it is.
    """
    pa = arrow()
    try:
        batch = pa.RecordBatch.from_pylist(list(rows), schema=schema)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise WriteError(
            f"a row has no form in Parquet: {first_line(error)}", where=label, cure=_CURE
        ) from error
    try:
        at = _first_changed(rows, batch, schema.names)
    except RecursionError:
        raise WriteError("a row is nested too deeply for Parquet", where=label, cure=_CURE) from None
    if at:
        raise WriteError(
            f"Parquet would change {at}: its columns have one type for all rows, "
            "which turns some numbers into others and fills keys that a row does not have",
            where=label,
            cure=_CURE,
        )
    return batch


def _first_changed(rows: Sequence[dict[str, Any]], batch: Any, names: Sequence[str]) -> str:
    for row, back in zip(rows, batch.to_pylist(), strict=True):
        for name in names:
            if at := _changed(row.get(name), back[name], f"`{name}`", 2 if name in _MESSAGES else 0):
                return at
    return ""


def _changed(value: Any, back: Any, at: str, free: int) -> str:
    """The first place that comes back otherwise; a key may be filled in within `free` levels."""
    if type(value) is not type(back):
        return at
    if isinstance(value, dict):
        if not free and back.keys() - value.keys():
            return f"{at} ({', '.join(sorted(back.keys() - value.keys()))})"
        return next(filter(None, (_changed(value[key], back[key], f"{at}.{key}", 0) for key in value)), "")
    if isinstance(value, list):
        pairs = zip(value, back, strict=True)
        return next(filter(None, (_changed(one, other, at, free - 1) for one, other in pairs)), "")
    return "" if value == back or value != value else at
