"""Edits as data: check them, apply them. Knows text, nothing of Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from templatefix.model import Edit, Span

_NEWLINE = re.compile(r"\r\n|\r|\n")  # the line ends of jinja2.lexer.newline_re


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all `edits` made.

    Insertions at one offset are made in the order given.

    Args:
        text (`str`): The text the spans of `edits` refer to.
        edits (`Iterable[Edit]`): Disjoint edits in any order.

    Raises:
        ValueError: Two edits overlap, or one lies outside `text`.
    """
    ordered = sorted(edits, key=lambda edit: edit.span)
    for before, after in pairwise(ordered):
        if before.span.end > after.span.start:
            raise ValueError(f"edits overlap: {before} and {after}")
    if ordered and ordered[-1].span.end > len(text):
        raise ValueError(f"edit outside the text: {ordered[-1]}")
    pieces, cursor = [], 0
    for edit in ordered:
        pieces += [text[cursor : edit.span.start], edit.text]
        cursor = edit.span.end
    return "".join([*pieces, text[cursor:]])


def origin(edits: Iterable[Edit], offset: int) -> int:
    """Return where a character of the edited text stood before; of an inserted text, where it was put.

    Args:
        edits (`Iterable[Edit]`): Disjoint edits in any order.
        offset (`int`): Offset into the text that they gave.
    """
    moved = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        if offset < edit.span.start + moved:
            break
        if offset < edit.span.start + moved + len(edit.text):
            return edit.span.start
        moved += len(edit.text) - len(edit.span)
    return offset - moved


@dataclass(frozen=True, slots=True)
class Newlines:
    """A text with its line ends normalised to `\\n`, and the way back.

    Jinja normalises line ends before it parses, so all spans refer to `normal`.

    Args:
        raw (`str`): The text as stored.
        normal (`str`): The same text with `\\n` for each `\\r\\n` and `\\r`.
    """

    raw: str
    normal: str

    @classmethod
    def of(cls, raw: str) -> Newlines:
        """Normalise `raw`."""
        return cls(raw, _NEWLINE.sub("\n", raw))

    def apply(self, edits: Iterable[Edit]) -> str:
        """Make edits that refer to `normal` on `raw`; inserted lines end as the text's first line does.

        Args:
            edits (`Iterable[Edit]`): Disjoint edits with spans into `normal`.
        """
        if self.raw == self.normal:
            return apply(self.raw, edits)
        style = next(iter(_NEWLINE.findall(self.raw)))
        back = self._offsets()
        return apply(
            self.raw,
            [
                Edit(Span(back[edit.span.start], back[edit.span.end]), edit.text.replace("\n", style))
                for edit in edits
            ],
        )

    def _offsets(self) -> list[int]:
        offsets: list[int] = []
        cursor = 0
        for found in _NEWLINE.finditer(self.raw):
            offsets.extend(range(cursor, found.start() + 1))
            cursor = found.end()
        return [*offsets, *range(cursor, len(self.raw) + 1)]
