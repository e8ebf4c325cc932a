"""One row's labels beside what it is expected to train."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from templatefix.training.labels import Labels
from templatefix.training.reference import ExpectedTokens


class Deviation(StrEnum):
    """How labels differ from what is expected."""

    OTHER_TEXT = "other-text"
    """The row's tokens are not those of its messages."""
    PROMPT_TRAINED = "prompt-trained"
    """Text of a user, system or tool is trained."""
    HISTORY_TRAINED = "history-trained"
    """Answers in the prompt are trained besides the completion."""
    HEADER_TRAINED = "header-trained"
    AFTER_TRAINED = "text-after-turn-trained"
    """What the template prints behind the end of turn is trained."""
    TURN_UNTRAINED = "turn-untrained"
    """Nothing of an answer is trained."""
    PART_UNTRAINED = "part-untrained"
    """A part of an answer is not trained."""
    STOP_UNTRAINED = "end-of-turn-untrained"
    TURN_CUT = "turn-cut"
    """The row ends, or begins, in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of a row that is labelled otherwise than it should be.

    Args:
        kind ([`Deviation`]): What is wrong with it.
        start (`int`): Its first token.
        end (`int`): The token behind its last one.
    """

    kind: Deviation
    start: int
    end: int


def compare(
    labels: Labels, expected: ExpectedTokens, decode: Callable[[Sequence[int]], str]
) -> Iterator[Difference]:
    """Yield where the labels of a row differ from what it is expected to train.

    Args:
        labels ([`Labels`]): The row as it is trained; it may be cut off at one end.
        expected ([`ExpectedTokens`]): What the whole row is expected to train.
        decode (`Callable`): From ids to text.
    """
    cut = offset(labels.ids, expected.ids)
    if cut is None:
        yield Difference(Deviation.OTHER_TEXT, 0, len(labels.ids))
        return
    count, trained = len(labels.ids), labels.supervised
    spans = [(max(start, expected.begin), end) for start, end in expected.spans if end > expected.begin]
    spans = [(start - cut, end - cut) for start, end in spans]
    within = {at for start, end in spans for at in range(start, end)}
    history = {at - cut for start, end in expected.spans for at in range(start, min(end, expected.begin))}
    headers = {at - cut for at in expected.headers}
    for start, end in spans:
        yield from _of_span(start, end, trained, count)
    after = {at for _, end in spans for at in _blank(labels.ids, end, decode)} - headers

    def kind_of(at: int) -> Deviation | None:
        if not trained[at] or at in within:
            return None
        told = {
            Deviation.HEADER_TRAINED: headers,
            Deviation.HISTORY_TRAINED: history,
            Deviation.AFTER_TRAINED: after,
        }
        return next((kind for kind, places in told.items() if at in places), Deviation.PROMPT_TRAINED)

    for kind, group in groupby(range(count), key=kind_of):
        places = [*group]
        if kind is not None:
            yield Difference(kind, places[0], places[-1] + 1)


def _blank(ids: Sequence[int], end: int, decode: Callable[[Sequence[int]], str]) -> Iterator[int]:
    """The tokens of whitespace right behind an answer."""
    for at in range(max(end, 0), len(ids)):
        if decode(ids[at : at + 1]).strip():
            return
        yield at


def _of_span(start: int, end: int, trained: Sequence[bool], count: int) -> Iterator[Difference]:
    """What is wrong with one answer; nothing if none of it is in the row."""
    inside = range(max(start, 0), min(end, count))
    if not inside:
        return
    bits = [trained[at] for at in inside]
    if not any(bits):
        yield Difference(Deviation.TURN_UNTRAINED, inside.start, inside.stop)
        return
    if start < 0 or end > count:
        yield Difference(Deviation.TURN_CUT, inside.start, inside.stop)
    missing = [at for at, bit in zip(inside, bits, strict=True) if not bit]
    if missing == [end - 1]:
        yield Difference(Deviation.STOP_UNTRAINED, end - 1, end)
    elif missing:
        yield Difference(Deviation.PART_UNTRAINED, missing[0], missing[-1] + 1)


def offset(ids: Sequence[int], whole: Sequence[int]) -> int | None:
    """Return how many tokens were cut off the beginning of a row; `None` if it is another text.

    Args:
        ids (`Sequence[int]`): The row's tokens.
        whole (`Sequence[int]`): All tokens of its conversation.
    """
    ids, whole = tuple(ids), tuple(whole)
    behind = len(whole) - len(ids)
    if behind < 0:
        return None
    return 0 if whole[: len(ids)] == ids else behind if whole[behind:] == ids else None
