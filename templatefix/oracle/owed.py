"""Put the two roads together: what each assistant turn owes, or why that cannot be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.oracle import prefix, sentinels
from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import learn
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
    """

    turn: int
    starts: frozenset[int]
    ends: frozenset[int]


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
    closings = Closings.learn(views)
    return tuple(_expectation(view, headers, closings) for view in views)


def _expectation(view: View, headers: tuple[str, ...], closings: Closings) -> Expectation:
    text = view.upto(len(view.probe.messages), False)
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
    if isinstance(first, str):
        return Undecided(turn, f"{first}; {second}") if isinstance(second, str) else Owed(turn, *second)
    if isinstance(second, str):
        return Owed(turn, *first)
    starts, ends = first[0] & second[0], first[1] & second[1]
    if not starts or not ends:
        return Undecided(turn, f"prefix difference says {_show(first)}, sentinels say {_show(second)}")
    return Owed(turn, starts, ends)


def _show(span: tuple[frozenset[int], frozenset[int]]) -> str:
    return f"{sorted(span[0])}..{sorted(span[1])}"
