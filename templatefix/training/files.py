"""Convert a file of conversations, row by row, into another one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from templatefix.errors import DataError, SourceError, UsageError, WriteError
from templatefix.model import Conversion
from templatefix.sources import atomic, parquet, rows, tables
from templatefix.training import columns
from templatefix.training.messages import MESSAGES, SHAREGPT
from templatefix.training.tally import Tally, dump

READ = (*rows.JSON, parquet.SUFFIX)
WRITTEN = (".jsonl", parquet.SUFFIX)


def convert_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    column: str = MESSAGES,
    every_turn: bool = False,
    skip_refused: bool = False,
    force: bool = False,
    refused: Callable[[DataError], None] = lambda error: None,
) -> Conversion:
    """Convert a file of conversations to `prompt` and `completion`; see [`to_prompt_completion`].

    One row (of Parquet, one batch) is held in memory at a time, except of a list in a `.json` file. The output appears
    as a whole at the end, or not at all: where a row is refused, nothing is written, unless `skip_refused`.

    Args:
        path (`str`): JSON lines, `.json` or `.parquet`; JSON may be compressed (`.gz`).
        output (`str`): The file to write, `.jsonl` or `.parquet`.
        column (`str`): The column of the messages.
        every_turn (`bool`): Make an example of each assistant message.
        skip_refused (`bool`): Leave out the rows that are refused.
        force (`bool`): Overwrite `output` if it exists; never if it is the input.
        refused (`Callable`): Is told of each row that is refused, as it is met.

    Returns:
        [`Conversion`]: What became of the rows. `.rows == .converted + .refused`.

    Raises:
        UsageError: The names make no sense.
        SourceError: The input cannot be read, or holds no row.
        WriteError: The output cannot be written.
    """
    source, out = os.fspath(path), Path(output)
    forms = _require_forms(source, out)
    _require_new(source, out, force)
    tally = Tally(column, every_turn, skip_refused, refused)
    with atomic.replacing(_real(out)) as (file, commit):
        try:
            if forms == (parquet.SUFFIX, parquet.SUFFIX):
                _parquet_to_parquet(source, file, tally, str(out))
            elif forms[1] == parquet.SUFFIX:
                _rows_to_parquet(source, file, tally, out)
            else:
                _rows_to_lines(source, file, tally)
        except OSError as error:  # the input's are told by its reader
            raise atomic.failed(error, str(out)) from error
        if not tally.rows:
            raise SourceError("it holds no rows", where=source, cure="check that it is the file you mean.")
        if tally.keeps:
            commit()
    return tally.conversion(source, str(out) if tally.keeps else "")


def _rows_to_lines(source: str, file: BinaryIO, tally: Tally) -> None:
    for where, row in _read(source, tally.column):
        for example in tally.convert(where, row):
            file.write(dump(example, where))


def _rows_to_parquet(source: str, file: BinaryIO, tally: Tally, out: Path) -> None:
    parquet.arrow()  # says so at once if it is missing
    schema = None
    # The schema is known when all rows were seen, and a pipe cannot be read twice: lines stand in between.
    with atomic.replacing(_real(out)) as (lines, _):
        pending = []
        for where, row in _read(source, tally.column):
            for example in tally.convert(where, row):
                lines.write(dump(example, where))
                pending.append(example)
            if len(pending) >= parquet.BATCH:
                schema, pending = tables.schema_of(pending, schema, str(out)), []
        if pending:
            schema = tables.schema_of(pending, schema, str(out))
        if schema is None or not tally.keeps:
            return
        lines.seek(0)
        found = (tables.batch_of(batch, schema, str(out)) for batch in rows.batched(lines, parquet.BATCH))
        tables.write_parquet(file, schema, found, str(out))


def _parquet_to_parquet(source: str, file: BinaryIO, tally: Tally, label: str) -> None:
    found = _cut(source, tally)
    first = next(found, None)
    if first is not None:
        tables.write_parquet(file, first.schema, (each for some in ([first], found) for each in some), label)


def _cut(source: str, tally: Tally) -> Iterator[Any]:
    done = 0
    for batch in parquet.batches(source):
        cuts = tally.cuts(batch, source, done)
        done += batch.num_rows
        if cuts:
            yield columns.cut_batch(batch, tally.column_in(batch.schema.names), cuts)


def _read(source: str, column: str) -> Iterator[rows.Row]:
    if rows.form(source) == parquet.SUFFIX:
        return parquet.read_parquet(source, {column, MESSAGES, SHAREGPT, "tools"})
    return rows.read_rows(source)


def _require_forms(source: str, out: Path) -> tuple[str, str]:
    read, written = rows.form(source), out.suffix.lower()
    if read not in READ or (read == parquet.SUFFIX and source.lower().endswith(".gz")):
        raise UsageError(
            "its name does not tell what form it has",
            where=source,
            cure=f"name a file that ends in {', '.join(READ)}; JSON may be compressed (.jsonl.gz).",
        )
    if written not in WRITTEN:
        cure = f"name a file that ends in {' or '.join(WRITTEN)}."
        raise UsageError("its name does not tell what form to write", where=str(out), cure=cure)
    return read, written


def _real(out: Path) -> Path:
    """Where to write: a link stays one, and what it names is replaced."""
    return Path(os.path.realpath(out))


def _require_new(source: str, out: Path, force: bool) -> None:
    # Not the methods of Path, some of which raise on a name that is too long or a link to itself.
    if os.path.exists(out) and os.path.exists(source) and os.path.samefile(source, out):
        raise UsageError(
            "it is the file that is read, which is never overwritten",
            where=str(out),
            cure="name another file.",
        )
    if os.path.isdir(out):
        raise UsageError("it is a directory", where=str(out), cure="name a file in it.")
    if os.path.lexists(out) and not force:
        raise UsageError("there is such a file already", where=str(out), cure="overwrite it by --force.")
    if not os.path.isdir(_real(out).parent):
        raise WriteError(
            "there is no such directory to write to",
            where=str(out.parent),
            cure="make it first (`mkdir -p`), or name another place.",
        )
