"""Where two texts agree, and intervals of a render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix.analysis import Interval, Trace


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
