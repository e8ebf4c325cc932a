"""Put the two roads together: what each assistant turn owes, or why that cannot be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.oracle import prefix, sentinels
from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import learn, openings
from templatefix.oracle.prefix import Bounds
from templatefix.oracle.views import View
from templatefix.probes import Probe
from templatefix.render import Renderer


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
    """

    turn: int
    starts: frozenset[int]
    ends: frozenset[int]
    header: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Undecided:
    """An assistant turn whose owed span cannot be told, and why."""

    turn: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a template owes on one probe.

    Args:
        probe (`Probe`): The conversation.
        text (`str`, *optional*): The render; `None` where the template raises.
        turns (`tuple`): One [`Owed`] or [`Undecided`] for each assistant message.
        foreign (`tuple[tuple[int, int], ...]`): Where texts of other roles stand in the render.
    """

    probe: Probe
    text: str | None
    turns: tuple[Owed | Undecided, ...] = ()
    foreign: tuple[tuple[int, int], ...] = ()


def expect(renderer: Renderer, probes: Sequence[Probe]) -> tuple[Expectation, ...]:
    """Say what each assistant turn of each probe owes.

    Args:
        renderer (`Renderer`): The template.
        probes (`Sequence[Probe]`): The conversations; headers and ends of turn are learned over all of them.
    """
    views = [View(renderer, probe) for probe in probes]
    headers = learn(views)
    closings = Closings.learn(views, headers)
    return tuple(_expectation(view, headers, closings) for view in views)


def _expectation(view: View, headers: tuple[str, ...], closings: Closings) -> Expectation:
    text = view.full
    if text is None:
        return Expectation(view.probe, None)
    places = view.located(text)
    foreign = tuple(
        place
        for place, turn in zip(places, view.probe.turns, strict=True)
        if place is not None and turn.role != "assistant"
    )
    turns = tuple(_turn(view, turn, headers, closings) for turn in view.probe.assistant)
    return Expectation(view.probe, text, turns, foreign)


def _turn(view: View, turn: int, headers: tuple[str, ...], closings: Closings) -> Owed | Undecided:
    if not headers:
        reason = "the template does not open an assistant turn when add_generation_prompt asks for it"
        return Undecided(turn, reason)
    first = prefix.owed(view, turn, headers, closings)
    second = sentinels.owed(view, turn, headers, closings)
    if isinstance(first, str) and isinstance(second, str):
        return _silent(view, turn, closings) or Undecided(turn, f"{first}; {second}")
    if isinstance(first, str) or isinstance(second, str):
        only = second if isinstance(first, str) else first
        assert not isinstance(only, str)
        return Owed(turn, *only)
    starts, ends = first.starts & second.starts, first.ends & second.ends
    if not starts or not ends:
        return Undecided(turn, f"prefix difference says {_show(first)}, sentinels say {_show(second)}")
    return Owed(turn, starts, ends, first.header)


def _silent(view: View, turn: int, closings: Closings) -> Owed | None:
    """A turn that says nothing owes its end of turn at most, wherever the template puts it."""
    full = view.full
    if full is None or any(text in full for text in view.probe.turns[turn].texts):
        return None
    opening = openings(view, turn)
    if opening is None:
        return None
    after = next((place for place in view.located(full)[turn + 1 :] if place), (len(full), len(full)))
    rest = full[opening.cut : after[0]]
    closed = [rest.find(each) + len(each) for each in (closings.terminator, *closings.shared) if each in rest]
    room = frozenset(range(opening.cut, opening.cut + min(closed, default=0) + 1))
    return Owed(turn, room, room, opening.base, optional=True)


def _show(span: Bounds) -> str:
    return f"{sorted(span.starts)}..{sorted(span.ends)}"
