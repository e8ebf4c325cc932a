"""Where two texts agree, and intervals of a render."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from templatefix.analysis import Interval, Trace

# Text that a tokenizer is likely to hold as one added token: <...>, [...], <|...|>, <｜...｜>.
_BRACKETED = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]")
_PARTIAL = re.compile(r"(?:<[^<>\s]{0,60}|\[[^\[\]\s]{0,60})\Z")


def common_prefix(one: str, other: str) -> int:
    """Return the length of the longest common prefix of two texts."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is far faster than comparing characters
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_suffix(one: str, other: str) -> int:
    """Return the length of the longest common suffix of two texts."""
    return common_prefix(one[::-1], other[::-1])


def indent_of(text: str) -> int:
    """Return the number of whitespace characters with which a text begins."""
    return len(text) - len(text.lstrip())


def last_end(intervals: Sequence[Interval], before: int) -> int | None:
    """Return where the last text ends that begins before an offset, cut off there; `None` if there is none."""
    ends = [min(end, before) for start, end in intervals if start < before]
    return max(ends, default=None)


def visible(trace: Trace, intervals: Sequence[Interval], start: int) -> Iterator[int]:
    """Yield the characters of intervals from an offset on that are no whitespace, the last one first."""
    for low, high in reversed(intervals):
        for at in range(high - 1, max(low, start) - 1, -1):
            if not trace.text[at].isspace():
                yield at


def whole(text: str, cut: int, *others: str) -> int:
    """Move `cut` back so that it falls neither inside a bracketed token nor inside a word.

    Args:
        text (`str`): A text.
        cut (`int`): Up to here `text` agrees with `others`.
        others (`str`): Other texts that agree with `text` up to `cut`; a token of theirs counts too.
    """
    for each in (text, *others):
        opening = _PARTIAL.search(each, max(0, cut - 62), cut)
        if opening and (found := _BRACKETED.match(each, opening.start())) and found.end() > cut:
            return whole(text, opening.start(), *others)
    inside = [each[cut - 1 : cut + 1] for each in (text, *others)]
    if cut > 0 and any(len(pair) == 2 and pair.isalnum() for pair in inside):
        while cut and text[cut - 1].isalnum():
            cut -= 1
        return whole(text, cut, *others)
    return cut


def bracketed(text: str) -> list[str]:
    """Return the bracketed tokens in a text."""
    return _BRACKETED.findall(text)
