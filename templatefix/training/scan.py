"""All rows at once: how many tokens each has, how many are trained, and what stands at both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from templatefix.training.labels import IGNORED
from templatefix.training.setup import Setup

if TYPE_CHECKING:
    import numpy

_CHUNK = 10_000


@dataclass(frozen=True, eq=False)
class Scan:
    """What stored rows are like, one entry a row.

    Args:
        lengths (`numpy.ndarray`): Tokens.
        trained (`numpy.ndarray`): Trained tokens.
        ends (`numpy.ndarray`): Of shape `(rows, 4)`: the first two ids and the last two, -1 where there are none.
        edges (`numpy.ndarray`): Of shape `(rows, 2)`: whether the first and the last token are trained.
    """

    lengths: numpy.ndarray
    trained: numpy.ndarray
    ends: numpy.ndarray
    edges: numpy.ndarray

    @property
    def empty(self) -> list[int]:
        """Rows without a trained token."""
        return [int(at) for at in (self.trained == 0).nonzero()[0]]

    @property
    def full(self) -> list[int]:
        """Rows of which every token is trained."""
        return [int(at) for at in ((self.trained == self.lengths) & (self.lengths > 0)).nonzero()[0]]


def scan(setup: Setup) -> Scan | None:
    """Look at the labels of every stored row; `None` where rows are stored without.

    Args:
        setup ([`Setup`]): The training run.
    """
    import numpy

    if not {"input_ids", "labels"} <= set(setup.columns):
        return None
    parts = [_measured(ids, labels, lengths) for ids, labels, lengths in _chunks(setup)]
    return Scan(*(numpy.concatenate(each) for each in zip(*parts, strict=True)))


def _chunks(setup: Setup) -> Iterator[tuple[Any, Any, Any]]:
    """Ids and labels, end to end, and the lengths of the rows."""
    import numpy

    if hasattr(setup.rows, "with_format"):
        table = setup.rows.select_columns(["input_ids", "labels"]).with_format("arrow")
        for start in range(0, len(table), _CHUNK):
            part = table[start : start + _CHUNK]
            ids, labels = (part[name].combine_chunks() for name in ("input_ids", "labels"))
            yield (
                ids.flatten().to_numpy(zero_copy_only=False),
                labels.flatten().to_numpy(zero_copy_only=False),
                ids.value_lengths().to_numpy(zero_copy_only=False),
            )
        return
    rows = [setup.row(at) for at in range(min(setup.count, _CHUNK))]
    kept = [row for row in rows if isinstance(row, Mapping)]
    ids = [numpy.asarray(row["input_ids"]) for row in kept]
    labels = [numpy.asarray(row["labels"]) for row in kept]
    yield numpy.concatenate(ids), numpy.concatenate(labels), numpy.array([len(each) for each in ids])


def _measured(ids: Any, labels: Any, lengths: Any) -> tuple[Any, Any, Any, Any]:
    import numpy

    trained = labels != IGNORED
    stops = lengths.cumsum()
    starts = stops - lengths
    counts = numpy.concatenate([[0], trained.cumsum()])
    some = lengths > 0
    ends = numpy.full((len(lengths), 4), -1)
    edges = numpy.zeros((len(lengths), 2), dtype=bool)
    for column, offset, least in ((0, 0, 1), (1, 1, 2), (2, -2, 2), (3, -1, 1)):
        has = lengths >= least
        places = (starts if offset >= 0 else stops)[has] + offset
        ends[has, column] = ids[places]
    edges[some, 0], edges[some, 1] = trained[starts[some]], trained[stops[some] - 1]
    return lengths, counts[stops] - counts[starts], ends, edges
