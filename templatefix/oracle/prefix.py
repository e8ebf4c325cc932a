"""First road: prefix difference. A turn is what a render gains over the generation prompt before it."""

from __future__ import annotations

from typing import NamedTuple

from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import Headers, Opening, answered, openings
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


def owed(view: View, turn: int, headers: Headers, closings: Closings) -> Bounds | str:
    """Return where the owed span may start and end, or the reason why it cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How turns end.
    """
    full, alone = view.full, view.upto(turn + 1, False)
    if full is None or alone is None:
        return "the conversation up to this turn does not render"
    opening = openings(view, turn)
    if opening is None:
        return "the text before this turn changes when the turn is added"
    starts = _again(view, turn, full, opening, headers, closings) or _starts(
        full, opening, headers, view.located(full)[turn], answered(view, turn)
    )
    if not starts:
        return "the generation prompt is no beginning of this turn"
    bare = closings.bare(alone).rstrip()
    shift = view.aligned(bare, full, turn + 1)
    if shift is None:
        silent = not any(text in full for text in view.probe.turns[turn].texts)
        if not (silent and closings.terminator and full.startswith(closings.terminator, max(starts))):
            return "the text of this turn changes when messages follow"
        return Bounds(starts, frozenset([max(starts) + len(closings.terminator)]), opening.base)
    place, gap = view.located(full)[turn], view.gap(turn)
    end = len(bare) + shift
    framed = view.framed(turn)
    # Where it is the last turn, nothing may close it.
    if place and gap is not None and (framed or end <= place[1]):
        last = full[place[1] : max(end, place[1])]
        closing = closings.stopped(last, gap) if framed else closings.between(*gap)
        if closing is None:
            return "nothing closes this turn where it is the last one, nor surely where another follows"
        end = place[1] + len(closing)
    return Bounds(starts, ends(full, end, max(starts), place), opening.base)


def _again(
    view: View, turn: int, full: str, opening: Opening, headers: Headers, closings: Closings
) -> frozenset[int]:
    """Where a turn starts that follows an answer: behind what the assistant's messages begin with, if it is there."""
    place, lead = view.located(full)[turn], closings.leads.get("assistant", "")
    if not answered(view, turn) or not place or not lead or full.count(lead, opening.base, place[0]) != 1:
        return frozenset()
    at = full.index(lead, opening.base)
    heads = [lead, *(each[each.index(lead) :] for each in headers.texts if lead in each)]
    return frozenset(at + len(each) for each in heads if full.startswith(each, at))


def _starts(
    full: str, opening: Opening, headers: Headers, place: tuple[int, int] | None, again: bool
) -> frozenset[int]:
    base = opening.base
    known = {base + len(each) for each in headers.texts if full.startswith(each, base)}
    starts = known or set(opening.starts) if again else known | set(opening.starts)
    window = full[base : place[0]] if place else ""
    if not place or base > place[0] or (headers.none and (starts or window.strip())):
        return frozenset(starts)
    if opening.silent:  # a header that stands here all the same is none of the model's
        after = {end for _, end in headers.found(window, base)}
        # After an answer, what stands here may be the end of that one.
        return frozenset(after or (() if again and window.strip() else {base}))
    if not starts and not window.strip():  # nothing is opened here although inference would
        return frozenset(range(base, place[0] + 1))
    return frozenset(starts)


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
