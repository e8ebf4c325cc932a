"""First road: prefix difference. A turn is what a render gains over the generation prompt before it."""

from __future__ import annotations

from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import openings
from templatefix.oracle.views import View, common_prefix

Bounds = tuple[frozenset[int], frozenset[int]]


def owed(view: View, turn: int, headers: tuple[str, ...], closings: Closings) -> Bounds | str:
    """Return the offsets at which the owed span may start and end, or the reason why they cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`tuple[str, ...]`): The headers that are certain.
        closings (`Closings`): How turns end.
    """
    full = view.upto(len(view.probe.messages), False)
    alone = view.upto(turn + 1, False)
    if full is None or alone is None:
        return "the conversation up to this turn does not render"
    opening = openings(view, turn)
    if opening is None:
        return "the text before this turn changes when the turn is added"
    known = {opening.base + len(each) for each in headers if full.startswith(each, opening.base)}
    starts = frozenset(known | set(opening.starts))
    if not starts:
        return "the generation prompt is no beginning of this turn"
    bare = closings.bare(alone).rstrip()
    if common_prefix(full, bare) < len(bare):
        silent = not any(text in full for text in view.probe.turns[turn].texts)
        if not (silent and closings.terminator and full.startswith(closings.terminator, max(starts))):
            return "the text of this turn changes when messages follow"
        return starts, frozenset([max(starts) + len(closings.terminator)])
    place = view.located(full)[turn]
    return starts, ends(full, len(bare), max(starts), place)


def ends(full: str, stripped: int, start: int, place: tuple[int, int] | None) -> frozenset[int]:
    """Return where a turn may end, given where its text ends without trailing whitespace.

    Without a terminator nothing tells whether trailing whitespace is the model's; then every offset in it will do.

    Args:
        full (`str`): The render.
        stripped (`int`): Where the turn's text ends, without trailing whitespace.
        start (`int`): The latest offset at which the owed span may start.
        place (`tuple[int, int]`, *optional*): Where the turn's own texts stand.
    """
    own = place[1] if place else start
    if stripped > own:
        return frozenset([stripped])
    rest = full[own:]
    return frozenset(range(own, own + len(rest) - len(rest.lstrip()) + 1))
