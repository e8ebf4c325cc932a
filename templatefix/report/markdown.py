"""Pieces of Markdown round the text of strangers, which shall neither format nor mention anything."""

from __future__ import annotations

import html
import re

from templatefix.report.snippet import visible


def fenced(text: str, info: str, most: int) -> str:
    """Return a code block.

    Args:
        text (`str`): Its content; fences in it do not end the block.
        info (`str`): Its language.
        most (`int`): Characters to show at the most, in whole lines; how many lines are left out is said.
    """
    lines, kept, size = text.removesuffix("\n").split("\n"), 0, 0
    while kept < len(lines) and (size := size + len(lines[kept]) + 1) <= most:
        kept += 1
    shown = [*lines[:kept], *([f"… {len(lines) - kept} more lines"] if kept < len(lines) else [])]
    shown = [line.encode(errors="backslashreplace").decode() for line in shown]
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return "\n".join([f"{fence}{info}", *shown, fence])


def code(text: str) -> str:
    """Return a text as code within a line."""
    return f"`{visible(text).replace('`', chr(39))}`"


def plain(text: str) -> str:
    """Return a text that no tag or mention comes out of."""
    return html.escape(visible(text), quote=False).replace("@", "&#64;")
