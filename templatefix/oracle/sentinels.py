"""Second road: sentinels. A turn stands around its own unique texts, wherever history was rewritten."""

from __future__ import annotations

from templatefix.oracle.closings import Closings, tail
from templatefix.oracle.prefix import Bounds, ends
from templatefix.oracle.views import View


def owed(view: View, turn: int, headers: tuple[str, ...], closings: Closings) -> Bounds | str:
    """Return the offsets at which the owed span may start and end, or the reason why they cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`tuple[str, ...]`): The headers that are certain.
        closings (`Closings`): How turns end.
    """
    full = view.upto(len(view.probe.messages), False)
    if full is None:
        return "the conversation does not render"
    places = view.located(full)
    place, before = places[turn], places[turn - 1] if turn else (0, 0)
    if place is None or before is None:
        return "the texts of this turn or of the one before it are not found"
    window = full[before[1] : place[0]]
    found = {window.rfind(each) + len(each) for each in headers if window.count(each) == 1}
    if not found:
        return "no known header precedes the texts of this turn"
    starts = frozenset(before[1] + each for each in found)
    closing = tail(view, turn)
    if closing is None and "tool_calls" not in view.probe.messages[turn]:
        closing = closings.terminator or None
    if closing is None:
        return "the turn's texts are not found where it is the last one"
    closing = closings.bare(closing).rstrip()
    if not full.startswith(closing, place[1]):
        return "the turn ends differently where it is the last one"
    return starts, ends(full, place[1] + len(closing), max(starts), place)
