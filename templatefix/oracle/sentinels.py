"""Second road: sentinels. A turn stands around its own unique texts, wherever history was rewritten."""

from __future__ import annotations

from templatefix.oracle.closings import Closings, tail
from templatefix.oracle.prefix import Bounds, ends
from templatefix.oracle.views import View


def owed(view: View, turn: int, headers: tuple[str, ...], closings: Closings) -> Bounds | str:
    """Return where the owed span may start and end, or the reason why it cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`tuple[str, ...]`): The headers that are certain.
        closings (`Closings`): How turns end.
    """
    full = view.full
    if full is None:
        return "the conversation does not render"
    places = view.located(full)
    place, before = places[turn], places[turn - 1] if turn else (0, 0)
    if place is None or before is None:
        return "the texts of this turn or of the one before it are not found"
    window = full[before[1] : place[0]]
    found = {before[1] + window.rfind(each): each for each in headers if window.count(each) == 1}
    if not found:
        return "no known header precedes the texts of this turn"
    starts = frozenset(at + len(each) for at, each in found.items())
    closing = _closing(view, turn, full, closings)
    if closing is None:
        return "the turn ends differently where it is the last one"
    return Bounds(starts, ends(full, place[1] + len(closing), max(starts), place), min(found))


def _closing(view: View, turn: int, full: str, closings: Closings) -> str | None:
    """What closes the turn: what does where it is the last one, or what closes others in the middle."""
    places = [*view.located(full), None]
    place, after = places[turn], places[turn + 1]
    if place is None:
        return None
    last = tail(view, turn)
    if last is None and "tool_calls" not in view.probe.messages[turn]:
        last = closings.terminator or None
    if last is not None:
        last = closings.bare(last).rstrip()
        if full.startswith(last, place[1]):
            return last
    return closings.between(full[place[1] : after[0]]) if after else None
