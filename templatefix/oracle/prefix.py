"""First road: prefix difference. A turn is what a render gains over the generation prompt before it."""

from __future__ import annotations

from typing import NamedTuple

from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import Opening, openings
from templatefix.oracle.views import View


class Bounds(NamedTuple):
    """Where an owed span may begin and end.

    Args:
        starts (`frozenset[int]`): Offsets at which it may start.
        ends (`frozenset[int]`): Offsets at which it may end.
        header (`int`): Where the header before it begins.
    """

    starts: frozenset[int]
    ends: frozenset[int]
    header: int


def owed(view: View, turn: int, headers: tuple[str, ...], closings: Closings) -> Bounds | str:
    """Return where the owed span may start and end, or the reason why it cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`tuple[str, ...]`): The headers that are certain.
        closings (`Closings`): How turns end.
    """
    full, alone = view.full, view.upto(turn + 1, False)
    if full is None or alone is None:
        return "the conversation up to this turn does not render"
    opening = openings(view, turn)
    if opening is None:
        return "the text before this turn changes when the turn is added"
    starts = _starts(full, opening, headers)
    if not starts:
        return "the generation prompt is no beginning of this turn"
    bare = closings.bare(alone).rstrip()
    shift = view.aligned(bare, full, turn + 1)
    if shift is None:
        silent = not any(text in full for text in view.probe.turns[turn].texts)
        if not (silent and closings.terminator and full.startswith(closings.terminator, max(starts))):
            return "the text of this turn changes when messages follow"
        return Bounds(starts, frozenset([max(starts) + len(closings.terminator)]), opening.base)
    place = view.located(full)[turn]
    return Bounds(starts, ends(full, len(bare) + shift, max(starts), place), opening.base)


def _starts(full: str, opening: Opening, headers: tuple[str, ...]) -> frozenset[int]:
    base = opening.base
    known = {base + len(each) for each in headers if full.startswith(each, base)}
    if opening.silent:  # inference opens nothing here; a header that stands here all the same is none of the model's
        gap = len(full) - base - len(full[base:].lstrip())
        after = {
            base + gap + len(each.lstrip())
            for each in headers
            if each.strip() and full.startswith(each.lstrip(), base + gap)
        }
        if after:
            return frozenset(after)
    return frozenset(known | set(opening.starts))


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
