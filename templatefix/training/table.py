"""Labels for people: the trained text of a row, and a line for each token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from templatefix.errors import UsageError
from templatefix.report import conversation
from templatefix.schema import SCHEMA_VERSION
from templatefix.training.labels import IGNORED, Labels, of_pair

LEGEND = f"{IGNORED} means ignored by the loss, not hidden from the model."


def label_table(
    target: Any, tokenizer: Any = None, *, row: int = 0, start: int = 0, count: int | None = None
) -> str:
    """Return a line for each token of a row: its index, whether the loss sees it, its id, its label and its text.

    Args:
        target (`Trainer`, `DataLoader` or a pair): Where the row is from: collated as in training, or
            `(input_ids, labels)` of a batch or of one row, with an `attention_mask` as a third if there is padding.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): Decodes the ids; the trainer's own if `None`.
        row (`int`): Which row of the data set, or of the batch.
        start (`int`): The first token to show.
        count (`int`, *optional*): How many; all if `None`.

    Returns:
        `str`: Lines such as `0031 | LOSS    | input_id=   21755 | label=   21755 | 'Paris'`, below their counts.

    Raises:
        UsageError: There is no such row, or no tokenizer to decode it with.
    """
    labels, tokenizer = _row(target, tokenizer, row)
    return "\n".join(lines(labels, tokenizer, start, count)) + "\n"


def supervised(target: Any, tokenizer: Any = None, *, row: int = 0) -> list[str]:
    """Return the trained stretches of a row, decoded; see [`label_table`] for the arguments."""
    labels, tokenizer = _row(target, tokenizer, row)
    return [text for text, trained in labels.texts(tokenizer) if trained]


def show(
    target: Any, tokenizer: Any = None, *, row: int = 0, color: bool = False, most: int | None = None
) -> str:
    """Return a row's text with its trained stretches in brackets, below their counts.

    Args:
        target, tokenizer, row: See [`label_table`].
        color (`bool`): Whether to show trained text in colour too.
        most (`int`, *optional*): Lines to show at the most, the last ones.
    """
    labels, tokenizer = _row(target, tokenizer, row)
    return f"{counts(labels)}\n{conversation.write(labels.texts(tokenizer), color=color, most=most)}"


def counts(labels: Labels) -> str:
    """Return how many tokens of a row are supervised, and how many ignored."""
    total, ignored, trained = labels.counts()
    return f"{total} tokens: {trained} supervised, {ignored} ignored. {LEGEND}"


def plain(labels: Labels, tokenizer: Any) -> dict[str, Any]:
    """Return a row as plain data: counts, trained stretches, and every token."""
    total, ignored, trained = labels.counts()
    rows = zip(labels.ids, labels.labels, labels.supervised, strict=True)
    return {
        "schema_version": SCHEMA_VERSION,
        "tokens": total,
        "ignored": ignored,
        "supervised": trained,
        "trained": [text for text, on in labels.texts(tokenizer) if on],
        "table": [
            {"index": at, "loss": on, "input_id": token, "label": label, "token": tokenizer.decode([token])}
            for at, (token, label, on) in enumerate(rows)
        ],
    }


def lines(labels: Labels, tokenizer: Any, start: int = 0, count: int | None = None) -> Iterator[str]:
    """Yield the lines of a label table; see [`label_table`]."""
    total = len(labels.ids)
    yield counts(labels)
    start = min(max(0, start), total)
    stop = total if count is None else min(total, start + max(0, count))
    for at in range(start, stop):
        token, label = labels.ids[at], labels.labels[at]
        kind = "IGNORED" if label == IGNORED else "LOSS   "
        text = tokenizer.decode([token])
        yield f"{at:04d} | {kind} | input_id={token:8d} | label={label:8d} | {text!r}"
    if stop < total:
        yield f"… {total - stop} more tokens, from start={stop} on"


def _row(target: Any, tokenizer: Any, row: int) -> tuple[Labels, Any]:
    if isinstance(target, tuple | list) and len(target) in (2, 3):
        rows = of_pair(*target)
    else:
        from templatefix.training.setup import read

        setup = read(target, tokenizer)
        tokenizer = setup.tokenizer
        if not -setup.count <= row < setup.count:
            raise _no_row(row, setup.count)
        rows, row = [setup.collated([row])[0]], 0
    if tokenizer is None:
        raise UsageError("there is no tokenizer to decode the ids with", cure="pass `tokenizer=`.")
    if not -len(rows) <= row < len(rows):
        raise _no_row(row, len(rows))
    return rows[row], tokenizer


def _no_row(row: int, count: int) -> UsageError:
    return UsageError(
        f"there is no row {row}", cure=f"name one of 0 to {count - 1}." if count else "pass a row of tokens."
    )
