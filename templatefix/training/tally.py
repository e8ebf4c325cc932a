"""The count of a conversion as it goes: every row that is read is converted or refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from templatefix.errors import DataError, WriteError
from templatefix.model import Conversion, Refused
from templatefix.sources.parquet import plain
from templatefix.training.columns import Cut, require_cuttable
from templatefix.training.conversion import completions, read_split, to_prompt_completion
from templatefix.training.messages import column_of, from_sharegpt
from templatefix.training.routes import Shape, advise, shape

FIRST = 10
"""How many of the rows refused are kept for the summary."""


class Tally:
    """Converts rows, and counts them.

    Args:
        column (`str`): The column of the messages.
        every_turn (`bool`): Whether each assistant message is made an example.
        skip (`bool`): Whether rows that are refused are left out; if not, the first one makes the rest idle.
        told (`Callable`): Is told of each row that is refused.
    """

    def __init__(self, column: str, every_turn: bool, skip: bool, told: Callable[[DataError], None]) -> None:
        self.column, self.every_turn, self.skip, self.told = column, every_turn, skip, told
        self.rows = self.converted = self.refused = self.examples = 0
        self.shapes: Counter[Shape] = Counter()
        self.refusals: list[Refused] = []

    @property
    def keeps(self) -> bool:
        """Whether what was made is to be kept."""
        return self.converted > 0 and (self.skip or not self.refused)

    def convert(self, where: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the examples of a row; none if it is refused, or one before it was and the output is lost anyway."""
        self._see(row)
        try:
            if self.every_turn:
                made = to_prompt_completion(row, every_turn=True, column=self.column, where=where)
            else:
                made = [to_prompt_completion(row, column=self.column, where=where)]
        except DataError as error:
            self._refuse(error)
            return []
        self.converted += 1
        self.examples += len(made)
        return made if self.skip or not self.refused else []

    def cuts(self, batch: Any, source: str, done: int) -> list[Cut]:
        """Return where to cut the rows of a batch, as [`convert`] does with one.

        Args:
            batch (`pyarrow.RecordBatch`): The rows.
            source (`str`): The file.
            done (`int`): How many rows of it stand before the batch.
        """
        name = self.column_in(batch.schema.names)
        absent = dict.fromkeys(batch.schema.names)
        values: list[Any] = [None] * batch.num_rows
        if name in absent:
            type_ = batch.schema.field(name).type
            values = [plain(value, type_, filled=False) for value in batch.column(name).to_pylist()]
        found: list[Cut] = []
        sharegpt = False
        for index, value in enumerate(values):
            row = {**absent, name: value} if name in absent else absent
            self._see(row)
            where = f"{source}: row {done + index}"
            try:
                at = completions(read_split(row, self.column, where), self.every_turn, where)
                sharegpt = sharegpt or any(map(from_sharegpt, value))
            except DataError as error:
                self._refuse(error)
                continue
            self.converted += 1
            self.examples += len(at)
            found.extend((index, each) for each in at)
        if found:
            require_cuttable(batch.schema.field(name).type, sharegpt, source)
        return found if self.skip or not self.refused else []

    def column_in(self, names: Iterable[str]) -> str:
        """Return the column of the messages among these."""
        return column_of(dict.fromkeys(names), self.column)

    def conversion(self, source: str, output: str) -> Conversion:
        """Return the sum of it all."""
        return Conversion(
            source,
            output,
            self.rows,
            self.converted,
            self.refused,
            self.examples,
            self.every_turn,
            tuple(self.refusals),
            advise(self.shapes),
        )

    def _see(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        self.shapes[shape(row, column_of(row, self.column))] += 1

    def _refuse(self, error: DataError) -> None:
        self.refused += 1
        if len(self.refusals) < FIRST:
            self.refusals.append(Refused(error.where, error.what, error.cure))
        self.told(error)


def dump(example: Mapping[str, Any], where: str) -> bytes:
    """Return an example as a line of JSON.

    Raises:
        WriteError: It holds a value that JSON has no form for.
    """

    def formless(value: Any) -> Any:
        raise WriteError(
            f"it holds a {type(value).__name__}, for which JSON has no form",
            where=where,
            cure="write Parquet instead (-o OUT.parquet).",
        )

    try:
        return f"{json.dumps(example, ensure_ascii=False, default=formless)}\n".encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        return f"{json.dumps(example, default=formless)}\n".encode()
    except RecursionError:
        raise WriteError("it is nested too deeply", where=where, cure="drop the row.") from None
