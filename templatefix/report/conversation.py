"""A conversation with its trained text marked, by brackets first and by colour besides."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from templatefix.report.snippet import visible

OPEN, CLOSE = "⟦", "⟧"


def write(tokens: Iterable[tuple[str, bool]], *, color: bool = False, most: int | None = None) -> str:
    """Return a conversation with its trained parts in brackets, indented.

    Args:
        tokens (`Iterable[tuple[str, bool]]`): Texts in order, and whether each is trained.
        color (`bool`): Whether to show trained text in bold green too.
        most (`int`, *optional*): Lines to show at the most, the last ones.
    """
    parts = []
    for trained, group in groupby(tokens, key=lambda token: token[1]):
        text = "\n".join(visible(line) for line in "".join(text for text, _ in group).split("\n"))
        if trained:
            text = f"{OPEN}{text}{CLOSE}"
            text = f"\x1b[1;32m{text}\x1b[0m" if color else text
        parts.append(text)
    lines = "".join(parts).rstrip("\n").split("\n")
    cut = [f"… {len(lines) - most} lines before", *lines[-most:]] if most and len(lines) > most else lines
    return "".join(f"    {line}\n" for line in cut)
