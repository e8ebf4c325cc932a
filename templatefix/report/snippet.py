"""One line of a stranger's template, made safe to print and short enough, with a span underlined."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from templatefix.model import Span

_TAB = "    "
_CUT = "…"


def visible(text: str) -> str:
    """Return `text` with everything escaped that a terminal would obey or not show.

    Control and escape characters, marks that reverse the direction of writing, invisible spaces and lone
    surrogates appear as `\\x1b` or `\\u202e`; a tab as four spaces.
    """
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char == "\t":
        return _TAB
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def excerpt(text: str, span: Span, width: int) -> tuple[str, str]:
    """Return the line on which `span` starts, and carets that stand under the span.

    Args:
        text (`str`): The whole text, with `\\n` as line ends.
        span (`Span`): What to underline; of a span over several lines the part on the first.
        width (`int`): Terminal cells there are. A longer line is cut to the part round the span.
    """
    line_start = text.rfind("\n", 0, span.start) + 1
    line_end = text.find("\n", span.start)
    line_end = len(text) if line_end < 0 else line_end
    # No more characters than cells can be shown to either side.
    first, last = max(line_start, span.start - width), min(line_end, span.start + width)
    pieces = [visible(char) for char in text[first:last]]
    cells = [cell_len(piece) for piece in pieces]
    start = span.start - first
    end = start + len(text[span.start : min(span.end, last)].rstrip())
    whole = (first, last) == (line_start, line_end) and sum(cells) <= width
    low, high = (0, len(cells)) if whole else _window(cells, start, end, width - 2 * len(_CUT))
    head = _CUT if first + low > line_start else ""
    tail = _CUT if first + high < line_end else ""
    margin = " " * (len(head) + sum(cells[low:start]))
    carets = "^" * max(1, sum(cells[start : min(end, high)]))
    return head + "".join(pieces[low:high]) + tail, margin + carets


def _window(cells: Sequence[int], start: int, end: int, room: int) -> tuple[int, int]:
    """The range of characters to show: the span first, then as much on both sides as there is room for."""
    low = high = start
    while high < end and cells[high] <= room:
        room -= cells[high]
        high += 1
    spare = room // 2
    while low > 0 and cells[low - 1] <= spare:
        low -= 1
        spare -= cells[low]
    room -= sum(cells[low:start])
    while high < len(cells) and cells[high] <= room:
        room -= cells[high]
        high += 1
    while low > 0 and cells[low - 1] <= room:
        low -= 1
        room -= cells[low]
    return low, high
