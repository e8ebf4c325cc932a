"""Texts of renders: where they agree, where they may be cut, and where one stands in another."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Text that a tokenizer is likely to hold as one added token: <...>, [...], <|...|>, <｜...｜>.
_BRACKETED = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]")
_PARTIAL = re.compile(r"(?:<[^<>\s]{0,60}|\[[^\[\]\s]{0,60})\Z")


def common_prefix(one: str, other: str) -> int:
    """Length of the longest common prefix of two texts."""
    limit = min(len(one), len(other))
    low, high = 0, limit
    while low < high:  # comparing slices is far faster than comparing characters
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


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


Place = tuple[int, int]
"""Where the texts of one message stand in a render: first start, last end."""


def whole_after(text: str, cut: int) -> int:
    """Move `cut` on so that it falls neither inside a bracketed token nor inside a word."""
    for found in _BRACKETED.finditer(text):
        if found.start() < cut < found.end():
            cut = found.end()
    while 0 < cut < len(text) and text[cut - 1].isalnum() and text[cut].isalnum():
        cut += 1
    return cut


def bracketed(text: str) -> list[str]:
    """Return the bracketed tokens in a text."""
    return _BRACKETED.findall(text)


def pieces(text: str, texts: Sequence[str]) -> list[Place]:
    """Return where texts stand, in order; nothing if one of them stands more than once.

    Args:
        text (`str`): A render.
        texts (`Sequence[str]`): Unique texts, some of which it may not hold.
    """
    counts = [text.count(each) for each in texts]
    if max(counts, default=0) > 1:
        return []
    found = [(text.find(each), len(each)) for each, count in zip(texts, counts, strict=True) if count]
    return sorted((at, at + length) for at, length in found)


def in_order(places: Sequence[Place | None]) -> set[int]:
    """Indices of the longest chain of places each of which follows the one before it."""
    best: list[tuple[tuple[int, ...], int]] = []
    for at, place in enumerate(places):
        if place is None:
            continue
        before: list[tuple[int, ...]] = [(), *(chain for chain, end in best if end <= place[0])]
        best.append(((*_longest(before), at), place[1]))
    return set(_longest([(), *(chain for chain, _ in best)]))


def _longest(chains: list[tuple[int, ...]]) -> tuple[int, ...]:
    return max(chains, key=len)
