"""From two texts of a template to anchored edits: the smallest readable context around each difference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from templatefix.edits import apply
from templatefix.errors import RegistryError
from templatefix.model import Edit, Span
from templatefix.registry.patch import Anchor

_LONG = 160
"""Lines longer than this are read tag by tag: some templates are one line."""
_NEAR = 2
"""Edits with no more than so many lines between them read better as one."""
_TAG = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
_LINE = re.compile(rf"(?:{_TAG}|[^\n])*+\n|(?:{_TAG}|[^\n])++", re.DOTALL)
"""A line ends outside tags: a literal may hold line ends."""
_TAGS = re.compile(f"({_TAG})", re.DOTALL)


def anchored(before: str, after: str, others: Sequence[str] = ()) -> tuple[Anchor, ...]:
    """Return the anchors that turn one text into another.

    Args:
        before (`str`): The template, newlines normalised.
        after (`str`): The template as it should be.
        others (`Sequence[str]`): More templates in which each anchor must stand exactly once.

    Raises:
        RegistryError: No context of a difference stands exactly once in all of `others`.
    """
    units = _units(before)
    cuts = [0, *accumulate(map(len, units))]
    edits = list(_edits(units, _units(after)))
    windows = _merged(_window(before, cuts, edit, [before, *others]) for edit in edits)
    return tuple(_anchor(before, cuts, window, edits) for window in windows)


def _units(text: str) -> list[str]:
    """Lines with their ends, and the tags of long lines."""
    units: list[str] = []
    for line in _LINE.findall(text):
        units += [piece for piece in _TAGS.split(line) if piece] if len(line) > _LONG else [line]
    return units


def _edits(before: Sequence[str], after: Sequence[str]) -> Iterable[tuple[Span, str]]:
    """What differs, as ranges of units and the text to put there."""
    for kind, start, end, low, high in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield Span(start, end), "".join(after[low:high])


def _window(text: str, cuts: Sequence[int], edit: tuple[Span, str], texts: Sequence[str]) -> Span:
    """The fewest units round an edit that stand exactly once in each text; of those, the shortest."""
    span, _ = edit
    last = len(cuts) - 1
    for size in range(max(len(span), 1), last + 1):
        starts = range(max(span.end - size, 0), min(span.start, last - size) + 1)
        found = [start for start in starts if _once(text[cuts[start] : cuts[start + size]], texts)]
        if found:
            start = min(found, key=lambda start: cuts[start + size] - cuts[start])
            return Span(start, start + size)
    line = text.count("\n", 0, cuts[span.start]) + 1
    raise RegistryError(
        f"no text round the edit in line {line} stands exactly once in every template",
        cure="write a patch of its own for the template that differs.",
    )


def _once(find: str, texts: Sequence[str]) -> bool:
    return bool(find.strip()) and all(Anchor(find, "").stands_once(text) for text in texts)


def _merged(windows: Iterable[Span]) -> list[Span]:
    """Windows that overlap, touch or nearly do, as one."""
    found: list[Span] = []
    for window in windows:
        if found and window.start <= found[-1].end + _NEAR:
            found[-1] = Span(min(found[-1].start, window.start), max(found[-1].end, window.end))
        else:
            found.append(window)
    return found


def _anchor(before: str, cuts: Sequence[int], window: Span, edits: Iterable[tuple[Span, str]]) -> Anchor:
    start = cuts[window.start]
    find = before[start : cuts[window.end]]
    inside = [
        Edit(Span(cuts[span.start] - start, cuts[span.end] - start), text)
        for span, text in edits
        if window.holds(span)
    ]
    return Anchor(find, apply(find, inside))
