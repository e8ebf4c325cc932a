"""Rows of a training run as they are really trained, each beside what it is expected to train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from templatefix.training.comparing import Deviation, Difference, compare
from templatefix.training.labels import IGNORED, Labels
from templatefix.training.reference import ExpectedTokens, Reference, has_conversation
from templatefix.training.scan import Scan
from templatefix.training.setup import Setup


@dataclass(frozen=True, slots=True)
class Document:
    """One conversation of a row; a packed row holds several.

    Args:
        row (`int`): The row.
        labels ([`Labels`]): Ids and labels as the loss sees them.
        expected ([`ExpectedTokens`], *optional*): What it is expected to train, where that is known.
        reason (`str`): Why it is not known.
        differences (`tuple[Difference, ...]`): Where the two differ.
    """

    row: int
    labels: Labels
    expected: ExpectedTokens | None = None
    reason: str = ""
    differences: tuple[Difference, ...] = ()

    def text(self, tokenizer: Any, difference: Difference) -> str:
        """The text of a difference, decoded."""
        return str(tokenizer.decode(self.labels.ids[difference.start : difference.end]))


@dataclass(frozen=True)
class Evidence:
    """What was looked at token by token.

    Args:
        documents (`tuple[Document, ...]`): In order of their rows.
        overwritten (`tuple[int, ...]`): Rows whose stored labels the collator replaces.
        lost (`tuple[int, ...]`): Those of them in which it leaves trained tokens out.
    """

    documents: tuple[Document, ...]
    overwritten: tuple[int, ...]
    lost: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len({each.row for each in self.documents})


def look(setup: Setup, reference: Reference | str, scanned: Scan | None, most: int) -> Evidence:
    """Collate rows and compare them with what they owe.

    Args:
        setup ([`Setup`]): The training run.
        reference ([`Reference`] or `str`): What tells what rows owe, or why nothing does.
        scanned ([`Scan`], *optional*): What all rows are like; of each odd kind one is looked at.
        most (`int`): How many rows to take besides, evenly spread.

    Raises:
        UsageError: The collator raises, or makes no labels.
    """
    documents: list[Document] = []
    overwritten, lost = [], []
    for at in _places(setup, scanned, most):
        [trained], stored = setup.collated([at]), setup.stored(at)
        bounds = _bounds(setup.row(at), len(trained.ids))
        if stored is not None and stored.ids == trained.ids:
            pairs = [*zip(stored.labels, trained.labels, strict=True)]
            differ = [one != other for index, (one, other) in enumerate(pairs) if index not in {*bounds[:-1]}]
            if any(differ):
                overwritten.append(at)
            if any(one != other and other == IGNORED for one, other in pairs[1:]):
                lost.append(at)
            trained = trained if any(differ) else stored
        documents += _documents(setup, reference, at, trained, bounds)
    if not (setup.settings.assistant_only or any(map(_trains_several, documents))):
        documents = [replace(each, differences=_told(each)) for each in documents]
    return Evidence(tuple(documents), tuple(overwritten), tuple(lost))


def _documents(
    setup: Setup, reference: Reference | str, at: int, trained: Labels, bounds: list[int]
) -> Iterator[Document]:
    row = setup.row(at)
    for start, end in pairwise(bounds):
        labels = Labels(trained.ids[start:end], trained.labels[start:end])
        if isinstance(reference, str):
            yield Document(at, labels, reason=reference)
            continue
        # A processor puts tokens of images in, so that messages do not tell what the row's tokens are.
        whole = has_conversation(row) and not {"image", "images"} & set(setup.columns)
        expected = reference.expected(row) if whole else reference.found(labels.ids)
        if isinstance(expected, str):
            yield Document(at, labels, reason=expected)
            continue
        if not (expected.whole or expected.spans or setup.settings.formatting or setup.settings.packing):
            yield Document(at, labels)  # text of no conversation, as far as one can see
            continue
        decode = setup.text_tokenizer.decode
        found = tuple(compare(labels, expected, decode))
        if any(each.kind is Deviation.OTHER_TEXT for each in found):
            expected = reference.found(labels.ids)
            found += tuple(compare(labels, expected, decode))
        yield Document(at, labels, expected, differences=found)


def _trains_several(document: Document) -> bool:
    """Whether more than one of a conversation's answers is trained, and not simply everything."""
    if document.expected is None or all(document.labels.supervised):
        return False
    untrained = sum(each.kind is Deviation.TURN_UNTRAINED for each in document.differences)
    return len(document.expected.spans) - untrained > 1


def _told(document: Document) -> tuple[Difference, ...]:
    """The differences without answers before the last, which a run that trains no others may mean to leave out."""
    expected, labels = document.expected, document.labels
    if expected is None or expected.begin or not any(labels.supervised) or all(labels.supervised):
        return document.differences
    last = max((start for start, _ in expected.spans), default=0)
    return tuple(
        each
        for each in document.differences
        if each.kind is not Deviation.TURN_UNTRAINED or each.start >= last
    )


def _bounds(row: Any, length: int) -> list[int]:
    """Where the conversations of a row begin, and where the last one ends."""
    sizes = row.get("seq_lengths") if isinstance(row, Mapping) else None
    bounds = [0]
    for size in sizes or [length]:
        bounds.append(bounds[-1] + int(size))
    return bounds


def _places(setup: Setup, scanned: Scan | None, most: int) -> list[int]:
    """Rows to look at: evenly spread, and the first of each odd kind."""
    step = max(1, setup.count // max(1, most))
    places = {*range(0, setup.count, step)} if most else set()
    if scanned is not None:
        longest = int(scanned.lengths.argmax())
        ended = ((scanned.lengths == scanned.lengths[longest]) & scanned.edges[:, 1]).nonzero()[0]
        places |= {*_first(scanned.empty), *_first(scanned.full), *_first(ended), longest}
        places |= {
            *_first(scanned.edges[:, 0].nonzero()[0]),
            *_first(scanned.other.nonzero()[0]),
            *scanned.odd,
        }
    return sorted(places)


def _first(rows: Iterable[Any]) -> list[int]:
    return [int(at) for at in rows][:1]
