"""All rows at once: how many tokens each has, how many are trained, and what stands at both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from templatefix.errors import UsageError
from templatefix.training.labels import IGNORED
from templatefix.training.setup import Setup

if TYPE_CHECKING:
    import numpy

_CHUNK = 10_000
_NAMES = ("input_ids", "labels")
_ODD = 24
"""How many kinds of rows are looked at."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What stored rows are like, one entry a row.

    Args:
        lengths (`numpy.ndarray`): Tokens.
        trained (`numpy.ndarray`): Trained tokens.
        ends (`numpy.ndarray`): Of shape `(rows, 4)`: the first two ids and the last two, -1 where there are none.
        edges (`numpy.ndarray`): Of shape `(rows, 2)`: whether the first and the last token are trained.
        other (`numpy.ndarray`): Tokens whose label is another token.
        kinds (`numpy.ndarray`): Of shape `(n, 3)`: a row, what is told of it, and a figure. Told are, of each trained
            stretch, the token before it (0) and its last one (1); and of the row how many more answers it has than
            trained stretches (2), and how many of those begin elsewhere than where answers do (3).
    """

    lengths: numpy.ndarray
    trained: numpy.ndarray
    ends: numpy.ndarray
    edges: numpy.ndarray
    other: numpy.ndarray
    kinds: numpy.ndarray

    @property
    def empty(self) -> list[int]:
        """Rows without a trained token."""
        return [int(at) for at in (self.trained == 0).nonzero()[0]]

    @property
    def full(self) -> list[int]:
        """Rows of which every token is trained."""
        return [int(at) for at in ((self.trained == self.lengths) & (self.lengths > 0)).nonzero()[0]]

    @property
    def odd(self) -> list[int]:
        """A row of each kind, rare kinds first; rows that are alike in how their labels begin and end are one kind."""
        import numpy

        if not len(self.kinds):
            return []
        _, firsts, counts = numpy.unique(self.kinds[:, 1:], axis=0, return_index=True, return_counts=True)
        order = numpy.argsort(counts, kind="stable")[:_ODD]
        return [int(at) for at in self.kinds[firsts[order], 0]]


def scan(setup: Setup, leads: Sequence[Sequence[int]] = ()) -> Scan | None:
    """Look at the labels of every stored row; `None` where rows are stored without.

    Args:
        setup ([`Setup`]): The training run.
        leads (`Sequence`): The tokens that stand before answers.

    Raises:
        UsageError: A row has no labels, or other labels than tokens.
    """
    import numpy

    if not {"input_ids", "labels"} <= set(setup.columns):
        return None
    parts, start = [], 0
    for ids, labels, lengths, marks in _chunks(setup):
        if wrong := (lengths != marks).nonzero()[0].tolist():
            raise UsageError(
                f"row {start + wrong[0]} has {lengths[wrong[0]]} `input_ids` and {max(0, marks[wrong[0]])} `labels`",
                cure="give each row a label for each token, -100 for what is not trained.",
            )
        *measured, kinds = _measured(ids, labels, lengths, leads)
        parts.append((*measured, kinds + numpy.array([start, 0, 0])))
        start += len(lengths)
    return Scan(*(numpy.concatenate(each) for each in zip(*parts, strict=True)))


def _chunks(setup: Setup) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Ids and labels, end to end, and how many of each a row has; -1 where it has none."""
    import numpy

    if hasattr(setup.rows, "with_format"):
        table = setup.rows.select_columns([*_NAMES]).with_format("arrow")
        for start in range(0, len(table), _CHUNK):
            part = table[start : start + _CHUNK]
            columns = [part[name].combine_chunks() for name in _NAMES]
            flat = [each.flatten().to_numpy(zero_copy_only=False) for each in columns]
            sizes = [each.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False) for each in columns]
            yield *flat, *sizes
        return
    rows = [setup.row(at) for at in range(min(setup.count, _CHUNK))]
    both = [[row.get(name) if isinstance(row, Mapping) else None for row in rows] for name in _NAMES]
    sizes = [numpy.array([-1 if each is None else len(each) for each in values]) for values in both]
    yield (
        *(numpy.concatenate([[], *(each for each in values if each is not None)]) for values in both),
        *sizes,
    )


def _measured(ids: Any, labels: Any, lengths: Any, leads: Sequence[Sequence[int]]) -> tuple[Any, ...]:
    import numpy

    trained = labels != IGNORED
    stops = lengths.cumsum()
    starts = stops - lengths
    some = lengths > 0
    ends = numpy.full((len(lengths), 4), -1)
    edges = numpy.zeros((len(lengths), 2), dtype=bool)
    for column, offset, least in ((0, 0, 1), (1, 1, 2), (2, -2, 2), (3, -1, 1)):
        has = lengths >= least
        places = (starts if offset >= 0 else stops)[has] + offset
        ends[has, column] = ids[places]
    edges[some, 0], edges[some, 1] = trained[starts[some]], trained[stops[some] - 1]

    def counted(bits: Any) -> Any:
        sums = numpy.concatenate([[0], bits.cumsum()])
        return sums[stops] - sums[starts]

    first, last = numpy.zeros((2, len(ids)), dtype=bool)
    first[starts[some]] = last[stops[some] - 1] = True
    begun = trained & (first | ~numpy.roll(trained, 1))
    ended = trained & (last | ~numpy.roll(trained, -1))
    before = numpy.where(first, -1, numpy.roll(ids, 1))
    of = numpy.repeat(numpy.arange(len(lengths)), lengths)
    led, behind = _led(ids, leads)
    kinds = numpy.concatenate(
        [
            numpy.stack([rows, numpy.full(len(rows), told), figures], axis=1)
            for told, rows, figures in (
                (0, of[begun], before[begun]),
                (1, of[ended], ids[ended]),
                (2, numpy.arange(len(lengths)), counted(led) - counted(begun)),
                (3, numpy.arange(len(lengths)), counted(begun & ~behind)),
            )
        ]
    ).astype(int)
    return lengths, counted(trained), ends, edges, counted(trained & (labels != ids)), kinds


def _led(ids: Any, leads: Sequence[Sequence[int]]) -> Any:
    """Where a lead begins, and where one has just ended."""
    import numpy

    found = numpy.zeros((2, len(ids)), dtype=bool)
    for lead in leads:
        places = (ids == lead[0]).nonzero()[0]
        places = places[places + len(lead) < len(ids)]
        for offset, token in enumerate(lead):
            places = places[ids[places + offset] == token]
        found[0, places] = found[1, places + len(lead)] = True
    return found
