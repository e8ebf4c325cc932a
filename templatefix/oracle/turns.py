"""Put the two roads together for one turn: what it owes, or why that cannot be said."""

from __future__ import annotations

from dataclasses import dataclass

from templatefix.oracle import holes, prefix, sentinels
from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import Headers, openings
from templatefix.oracle.holes import Hole
from templatefix.oracle.prefix import Bounds
from templatefix.oracle.texts import Place, common_prefix, pieces, whole
from templatefix.oracle.views import View


@dataclass(frozen=True, slots=True)
class Owed:
    """The span that the model owes in one assistant turn.

    Args:
        turn (`int`): Index of the message.
        starts (`frozenset[int]`): Offsets at which the span may start; several where a thinking prefill may
            stand on either side.
        ends (`frozenset[int]`): Offsets at which it may end; several where no terminator tells where.
        header (`int`): Where the header before the span begins.
        optional (`bool`): Whether it may be unmarked: nothing that the message says is in the render.
        holes (`tuple[Hole, ...]`): Stretches within it that hold texts of other roles.
    """

    turn: int
    starts: frozenset[int]
    ends: frozenset[int]
    header: int
    optional: bool = False
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """An assistant turn whose owed span cannot be told, and why.

    Args:
        turn (`int`): Index of the message.
        reason (`str`): Why, for people.
        cause (`str`): A short name: `no-turn-opened` or `span-unknown`.
    """

    turn: int
    reason: str
    cause: str = "span-unknown"


def owed(view: View, turn: int, headers: Headers, closings: Closings) -> Owed | Undecided:
    """Return what an assistant turn owes.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How they end.
    """
    if not headers:
        reason = "the template does not open an assistant turn when add_generation_prompt asks for it"
        return Undecided(turn, reason, "no-turn-opened")
    if around := _in_pieces(view, turn, headers, closings):
        return around
    first = prefix.owed(view, turn, headers, closings)
    silent = _silent(view, turn, headers, closings)
    if silent and not _closed(view, first, closings):
        return silent
    second = sentinels.owed(view, turn, headers, closings)
    if isinstance(first, str) and isinstance(second, str):
        return silent or _asked(view, turn, headers, closings) or Undecided(turn, f"{first}; {second}")
    if isinstance(first, str) or isinstance(second, str):
        only = second if isinstance(first, str) else first
        assert not isinstance(only, str)
        return Owed(turn, *only)
    starts, ends = first.starts & second.starts, first.ends & second.ends
    if not starts or not ends:
        return Undecided(turn, f"prefix difference says {_show(first)}, sentinels say {_show(second)}")
    return Owed(turn, starts, ends, first.header)


def _closed(view: View, bounds: Bounds | str, closings: Closings) -> bool:
    """Whether a turn surely ends with what closes plain turns."""
    full, closing = view.full or "", closings.terminator
    return (
        not isinstance(bounds, str)
        and bool(closing)
        and all(full.endswith(closing, 0, end) for end in bounds.ends)
    )


def _silent(view: View, turn: int, headers: Headers, closings: Closings) -> Owed | None:
    """A turn of which nothing is printed owes its end of turn at most, wherever the template puts it."""
    full, alone = view.full, view.upto(turn + 1, False)
    if full is None or any(text in full for text in view.probe.turns[turn].texts):
        return None
    opening = openings(view, turn)
    if opening is None or view.depends(turn):
        return None
    places = view.located(full)
    follows = next((at for at in range(turn + 1, len(places)) if places[at]), None)
    after = places[follows] if follows is not None else None
    rest = full[opening.cut : after[0] if after else len(full)]
    closed = [
        rest.find(each) + len(each)
        for each in (closings.terminator, closings.common, *closings.shared)
        if each and each in rest
    ]
    if not closed and follows is not None:
        between = closings.between(rest.removesuffix(view.padding(follows)), view.probe.turns[follows].role)
        closed = [len(between)] if between else []
    length = min(closed, default=0)
    if not closed and alone is not None and alone.startswith(full[: opening.cut]):
        last = alone[opening.cut :]  # what it prints where it is last
        length = whole(rest, common_prefix(rest, last), last)
    known = (each if full.startswith(each, opening.base) else each.rstrip() for each in headers.texts)
    heads = [opening.base + len(each) for each in known if full.startswith(each, opening.base)]
    last_one = max([opening.cut + length, *heads])
    if view.probe.messages[turn].get("content") is None and full.startswith("None", last_one):
        last_one += len("None")  # as Jinja prints nothing
    room = frozenset(range(min([opening.cut, *heads]), last_one + 1))
    return Owed(turn, room, room, opening.base, optional=True)


def _asked(view: View, turn: int, headers: Headers, closings: Closings) -> Owed | None:
    """A turn that the template prints as a question, because it comes first, owes nothing."""
    full = view.full or ""
    places = view.located(full)
    place = places[turn]
    if place is None or any(places[:turn]):
        return None
    opened = any(each.strip() in full[: place[0]] for each in headers.texts)
    if opened or not closings.asks or closings.asks not in full[: place[0]]:
        return None
    nothing = frozenset([place[0]])
    return Owed(turn, nothing, nothing, place[0], optional=True)


def _others(view: View, turn: int) -> list[tuple[Place, str]]:
    """Where texts stand that are not the turn's, and whose they are."""
    full, turns = view.full or "", view.probe.turns
    texts = [(text, "tool") for each in turns for text in each.quoted]
    texts += [(text, each.role) for at, each in enumerate(turns) if at != turn for text in each.texts]
    return sorted((place, role) for text, role in texts for place in pieces(full, [text]))


def _in_pieces(view: View, turn: int, headers: Headers, closings: Closings) -> Owed | Undecided | None:
    """A turn that is printed round texts of others, as a tool's result between a call and what was said.

    Or before those that its message holds; then the first of them ends it, with what opens it or without.
    """
    full, own, others = view.full or "", view.pieces(view.full or "", turn), _others(view, turn)
    around = holes.between(view, turn, own, [at for at, _ in others], headers, closings)
    last = own[-1][1] if own else 0
    held = [at for each in view.probe.turns[turn].quoted for at, _ in pieces(full, [each]) if at >= last]
    if not own or not (around is None or around or held):
        return None
    before = max((end for (_, end), _ in others if end <= own[0][0]), default=0)
    found = headers.found(full[before : own[0][0]], before)
    if not found:
        return None
    starts, ends = frozenset(end for _, end in found), frozenset[int]()
    if held:
        ends = holes.outs(view, turn, own[-1], min(held), closings)
    else:
        after, role = next(((at[0], role) for at, role in others if at[0] >= last), (len(full), ""))
        called = "tool_calls" in view.probe.messages[turn]
        closing = closings.between(full[last:after], role, called=called)
        if closing is not None:
            ends = prefix.ends(full, last + len(closing), max(starts), (own[0][0], last))
    if around is None or not ends:
        return Undecided(
            turn, "the text of another role stands within it, and what stands round that cannot be told"
        )
    return Owed(turn, starts, ends, min(found)[0], holes=around)


def _show(span: Bounds) -> str:
    return f"{sorted(span.starts)}..{sorted(span.ends)}"
