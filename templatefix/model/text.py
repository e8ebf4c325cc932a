"""Ranges of text, and edits of it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range `[start, end)` of character offsets.

    Args:
        start (`int`): Offset of the first character.
        end (`int`): Offset after the last character.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def __bool__(self) -> bool:
        return True

    def of(self, text: str) -> str:
        """Return the part of `text` that this span covers."""
        return text[self.start : self.end]

    def holds(self, other: Span) -> bool:
        """Whether `other` lies wholly within this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters of `span` by `text`; an empty span inserts."""

    span: Span
    text: str


def unified_diff(before: str, after: str, old: str, new: str) -> str:
    """Return a unified diff that `patch` and `git apply` accept, missing final newlines included.

    Args:
        before (`str`): The old text.
        after (`str`): The new text.
        old (`str`): Label of the old text.
        new (`str`): Label of the new text.
    """
    lines = difflib.unified_diff(_by_newline(before), _by_newline(after), f"a/{old}", f"b/{new}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _by_newline(text: str) -> list[str]:
    # str.splitlines would also split at U+2028 and form feeds, which `patch` does not.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
