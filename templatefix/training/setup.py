"""What a trainer, or a data loader, really trains on: its rows, its collator and the settings that make labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from typing import Any

from templatefix.errors import UsageError
from templatefix.training.labels import Labels, of_pair
from templatefix.training.settings import Settings, read_settings

STREAMED = 256
"""Rows that are read of a stream, which has no length."""


@dataclass(frozen=True, eq=False)
class Setup:
    """Rows, collator, tokenizer and settings of a training run.

    Args:
        rows (`Sequence`): The stored rows, all columns kept.
        collate (`Callable`): From rows to a batch.
        tokenizer (`Any`, *optional*): The tokenizer or processor.
        template (`Any`, *optional*): The chat template that labels are made with; one text or one for each name.
        settings ([`Settings`]): What was set.
        streamed (`bool`): Whether the rows are only the first ones of a stream.
    """

    rows: Any
    collate: Callable[[list[Any]], Any]
    tokenizer: Any = None
    template: Any = None
    settings: Settings = field(default_factory=Settings)
    streamed: bool = False
    _kept: dict[int, Any] = field(default_factory=dict, repr=False)

    @property
    def count(self) -> int:
        """How many rows there are, or were read of a stream."""
        return len(self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        names = getattr(self.rows, "column_names", None)
        return tuple(names or (self.row(0) if self.count and isinstance(self.row(0), Mapping) else ()))

    @property
    def text_tokenizer(self) -> Any:
        """The tokenizer itself, of a processor too."""
        inner = getattr(self.tokenizer, "tokenizer", None)
        return inner if hasattr(inner, "decode") else self.tokenizer

    def dropped(self) -> list[int]:
        """Return the rows that TRL has filtered out, by their number before that, as far as the data set tells.

        A filter keeps the table and a list of the rows that are left; preparation has written the table just before.
        """
        kept, table = getattr(self.rows, "_indices", None), getattr(self.rows, "data", None)
        cuts = (
            self.settings.max_length is not None and not self.settings.packing and not self.settings.skipped
        )
        if not (self.settings.trl and cuts and kept is not None and table is not None):
            return []
        return sorted({*range(table.num_rows)} - {*kept.column(0).to_pylist()})

    def row(self, at: int) -> Any:
        """Return a stored row."""
        if at not in self._kept:
            self._kept[at] = self.rows[at]
        return self._kept[at]

    def stored(self, at: int) -> Labels | None:
        """Return a row's stored ids and labels; `None` where it is not tokenized, or has no labels yet."""
        row = self.row(at)
        if not isinstance(row, Mapping) or row.get("input_ids") is None or row.get("labels") is None:
            return None
        return of_pair(row["input_ids"], row["labels"])[0]

    def collated(self, places: Sequence[int]) -> list[Labels]:
        """Return rows as one batch of the collator holds them, padding aside.

        Raises:
            UsageError: The batch holds no labels, or the collator raises.
        """
        rows = [self.row(at) for at in places]
        try:
            batch = self.collate([dict(row) if isinstance(row, Mapping) else row for row in rows])
        except (
            ValueError,
            KeyError,
            TypeError,
            RuntimeError,
            IndexError,
            AttributeError,
            AssertionError,
        ) as error:
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(
                f"the collator raises on rows {', '.join(map(str, places))}: {first}",
                cure="training would end in this error at its first such batch; correct the rows or the collator.",
            ) from error
        if not isinstance(batch, Mapping) or batch.get("labels") is None or batch.get("input_ids") is None:
            raise UsageError(
                "the collated batches hold no `labels`, so there is no loss to look at",
                cure="use a collator that returns `input_ids` and `labels`, for example DataCollatorForSeq2Seq "
                "over rows that have both.",
            )
        found = of_pair(batch["input_ids"], batch["labels"], batch.get("attention_mask"))
        tokens = [
            row["input_ids"] if isinstance(row, Mapping) and row.get("input_ids") is not None else ()
            for row in rows
        ]
        lengths = [*map(len, tokens)]
        if len(found) == 1 and len(rows) > 1 and sum(lengths) == len(found[0].ids):
            return _split(found[0], lengths)  # padding-free: the whole batch is one row
        if len(found) != len(rows):
            raise UsageError(
                f"the collator makes {len(found)} rows of {len(rows)}",
                cure="show one row alone by `label_table((input_ids, labels), tokenizer)`.",
            )
        if batch.get("attention_mask") is None:
            return [_cut(one, row) for one, row in zip(found, tokens, strict=True)]
        return found


def read(target: Any, tokenizer: Any = None, args: Any = None) -> Setup:
    """Look at a trainer or a data loader; nothing is drawn from its sampler, and nothing in it changes.

    Args:
        target (`Trainer` or `DataLoader`): What trains, or what the batches come from.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): The tokenizer; the trainer's own if `None`.
        args (`TrainingArguments`, *optional*): Settings, for a loader that a trainer has made.

    Raises:
        UsageError: It is neither, it has no training rows, or its TRL is of a version that is not known here.
    """
    if hasattr(target, "train_dataset") and hasattr(target, "data_collator"):
        return _of_trainer(target, tokenizer)
    if hasattr(target, "dataset") and hasattr(target, "collate_fn"):
        settings = read_settings(args, target.collate_fn, None)
        rows, streamed = _rows(target.dataset)
        template = getattr(tokenizer, "chat_template", None)
        return Setup(rows, target.collate_fn, tokenizer, template, settings, streamed)
    raise UsageError(
        f"an object of type {type(target).__name__} is neither a trainer nor a data loader",
        cure="pass the trainer, or a torch DataLoader with `tokenizer=`.",
    )


def _of_trainer(trainer: Any, tokenizer: Any) -> Setup:
    if trainer.train_dataset is None:
        raise UsageError("the trainer has no `train_dataset`", cure="construct it with one.")
    trl = any(
        each.__name__ == "SFTTrainer" and each.__module__.startswith("trl.") for each in type(trainer).mro()
    )
    if trl and int(metadata.version("trl").split(".")[0]) < 1:
        raise UsageError(
            f"TRL {metadata.version('trl')} makes labels in its collator, which is not known here",
            cure="upgrade: `pip install 'trl>=1.16'`.",
        )
    tokenizer = tokenizer or getattr(trainer, "processing_class", None)
    collate, wrap = trainer.data_collator, getattr(trainer, "_get_collator_with_removed_columns", None)
    if wrap is not None and getattr(trainer.args, "remove_unused_columns", False):
        collate = wrap(collate, "training")  # what it drops, the model does not get
    rows, streamed = _rows(trainer.train_dataset)
    used = getattr(trainer, "chat_template", None) if trl else None
    template = used or getattr(tokenizer, "chat_template", None)
    return Setup(
        rows,
        collate,
        tokenizer,
        template,
        read_settings(trainer.args, trainer.data_collator, trainer),
        streamed,
    )


def _rows(dataset: Any) -> tuple[Any, bool]:
    if hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__"):
        rows, streamed = dataset, False
    else:
        rows, streamed = list(islice(iter(dataset), STREAMED)), True
    if not len(rows):
        raise UsageError(
            "the training data have no rows", cure="look at what filters or truncation left of them."
        )
    return rows, streamed


def _split(batch: Labels, lengths: Sequence[int]) -> list[Labels]:
    found, start = [], 0
    for length in lengths:
        found.append(Labels(batch.ids[start : start + length], batch.labels[start : start + length]))
        start += length
    return found


def _cut(row: Labels, tokens: Sequence[int]) -> Labels:
    """Take padding off where the batch does not say where it is: on the left if the row's tokens end there."""
    length = len(tokens)
    if not length:
        return row
    part = slice(-length, None) if row.ids[-length:] == tuple(map(int, tokens)) else slice(length)
    return Labels(row.ids[part], row.labels[part])
