"""Token ids beside their labels: what the loss sees of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from numbers import Integral
from typing import Any

from templatefix.errors import UsageError

IGNORED = -100
"""The label of a token that is left out of the loss; the model reads the token all the same."""


@dataclass(frozen=True, slots=True)
class Labels:
    """One row as the loss sees it, without padding.

    Args:
        ids (`tuple[int, ...]`): Token ids.
        labels (`tuple[int, ...]`): A label for each token; `-100` where the token is ignored by the loss.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def supervised(self) -> tuple[bool, ...]:
        """Whether each token is trained."""
        return tuple(label != IGNORED for label in self.labels)

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """Where neighbouring trained tokens begin and end."""
        return tuple((start, end) for start, end, trained in self.stretches() if trained)

    def stretches(self) -> Iterator[tuple[int, int, bool]]:
        """Yield neighbouring tokens that are all trained or all ignored: start, end, trained."""
        for trained, group in groupby(enumerate(self.supervised), key=lambda pair: pair[1]):
            places = [at for at, _ in group]
            yield places[0], places[-1] + 1, trained

    def counts(self) -> tuple[int, int, int]:
        """Tokens in all, ignored, and supervised."""
        supervised = sum(self.supervised)
        return len(self.ids), len(self.ids) - supervised, supervised

    def texts(self, tokenizer: Any) -> list[tuple[str, bool]]:
        """Return the row's text in stretches, and whether each is trained.

        Args:
            tokenizer (`PreTrainedTokenizerBase`): Decodes the ids.
        """
        return [(tokenizer.decode(self.ids[start:end]), trained) for start, end, trained in self.stretches()]


def of_pair(input_ids: Any, labels: Any, attention_mask: Any = None) -> list[Labels]:
    """Return the rows of a pair of ids and labels, be it one row, a batch of them, lists, arrays or tensors.

    Args:
        input_ids (`list`, `numpy.ndarray` or `torch.Tensor`): Of shape `(length,)` or `(batch, length)`.
        labels: Of the same shape.
        attention_mask (*optional*): Of the same shape; where it is 0 there is padding.

    Raises:
        UsageError: The shapes differ, or they are of something else.
    """
    ids, marks = _lists(input_ids, "input_ids"), _lists(labels, "labels")
    real = (
        _lists(attention_mask, "attention_mask")
        if attention_mask is not None
        else [[1] * len(row) for row in ids]
    )
    if [*map(len, ids)] != [*map(len, marks)] or [*map(len, ids)] != [*map(len, real)]:
        raise UsageError(
            "`input_ids` and `labels` are not of the same shape", cure="pass both of one batch, as collated."
        )
    return [
        Labels(
            tuple(token for token, bit in zip(row, bits, strict=True) if bit),
            tuple(label for label, bit in zip(mark, bits, strict=True) if bit),
        )
        for row, mark, bits in zip(ids, marks, real, strict=True)
    ]


def _lists(values: Any, name: str) -> list[list[int]]:
    """Return one row, or rows, as lists of whole numbers; one row without tokens is a row too."""
    values = _plain(values)
    if isinstance(values, Sequence) and (not values or isinstance(values[0], Integral)):
        values = [values]
    rows: list[Any] = [_plain(row) for row in values] if isinstance(values, Sequence) else [None]
    if not all(isinstance(row, Sequence) and _whole(row) for row in rows):
        raise UsageError(
            f"`{name}` is neither a row of whole numbers nor a batch of such rows",
            cure="pass lists, arrays or tensors of shape `(length,)` or `(batch, length)`.",
        )
    return [[*row] for row in rows]


def _plain(values: Any) -> Any:
    return values.tolist() if hasattr(values, "tolist") else values


def _whole(row: Sequence[Any]) -> bool:
    return all(issubclass(each, Integral) for each in {*map(type, row)})
