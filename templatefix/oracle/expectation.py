"""What a template prints round its assistant turns, learned over many probes, and what each probe owes by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import Headers, learn, openings
from templatefix.oracle.texts import pieces
from templatefix.oracle.turns import Owed, Undecided, owed
from templatefix.oracle.views import View
from templatefix.probes import Probe
from templatefix.render import Renderer


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a template owes on one probe.

    Args:
        probe (`Probe`): The conversation.
        text (`str`, *optional*): The render; `None` where the template raises.
        turns (`tuple`): One [`Owed`] or [`Undecided`] for each assistant message.
        foreign (`tuple[tuple[int, int], ...]`): Where texts of other roles stand in the render.
        prefix_stable (`bool`): Whether each turn stays as it was when messages follow.
        prompt_is_prefix (`bool`): Whether each turn begins with what inference prepends to it.
    """

    probe: Probe
    text: str | None
    turns: tuple[Owed | Undecided, ...] = ()
    foreign: tuple[tuple[int, int], ...] = ()
    prefix_stable: bool = False
    prompt_is_prefix: bool = False


@dataclass(frozen=True)
class Oracle:
    """What one template prints round its assistant turns, learned over many probes.

    Args:
        renderer (`Renderer`): The template.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How they end.
        views (`Mapping[str, View]`): The probes it was learned on, by name.
    """

    renderer: Renderer
    headers: Headers
    closings: Closings
    views: Mapping[str, View] = field(default_factory=dict, repr=False)
    _known: dict[str, Expectation] = field(default_factory=dict, repr=False)

    @classmethod
    def learn(cls, renderer: Renderer, probes: Sequence[Probe]) -> Oracle:
        """Learn headers and ends of turn over all probes.

        Args:
            renderer (`Renderer`): The template.
            probes (`Sequence[Probe]`): The conversations.
        """
        cache: dict[Any, str | None] = {}
        views = {probe.name: View(renderer, probe, cache) for probe in probes}
        headers = learn(list(views.values()))
        return cls(renderer, headers, Closings.learn(list(views.values()), headers), views)

    def expect(self, probe: Probe) -> Expectation:
        """Say what each assistant turn of a probe owes."""
        view = self.views.get(probe.name)
        if view is None:
            return self._expect(View(self.renderer, probe))
        if probe.name not in self._known:
            self._known[probe.name] = self._expect(view)
        return self._known[probe.name]

    @property
    def unsure(self) -> bool:
        """Whether some turn of the probes asked for so far owes what cannot be told: then no markers are right."""
        return any(isinstance(turn, Undecided) for each in self._known.values() for turn in each.turns)

    def _expect(self, view: View) -> Expectation:
        probe = view.probe
        text = view.full
        if text is None:
            return Expectation(probe, None)
        foreign = tuple(
            place
            for turn in probe.turns
            for each in (*turn.quoted, *(turn.texts if turn.role != "assistant" else ()))
            for place in pieces(text, [each])
        )
        offered = [str(tool["function"]["description"]) for tool in probe.tools or () if "function" in tool]
        foreign += tuple(place for each in offered for place in pieces(text, [each]))
        turns = _apart(
            self._softened(text, owed(view, turn, self.headers, self.closings)) for turn in probe.assistant
        )
        stable = all(self._stays(view, text, turn) for turn in probe.assistant)
        begun = all((opening := openings(view, turn)) and opening.starts for turn in probe.assistant)
        return Expectation(probe, text, turns, foreign, stable, begun)

    def _softened(self, text: str, turn: Owed | Undecided) -> Owed | Undecided:
        if isinstance(turn, Undecided):
            return turn
        return replace(turn, ends=self.closings.softened(text, turn.ends))

    def _stays(self, view: View, text: str, turn: int) -> bool:
        alone = view.upto(turn + 1, False)
        return alone is None or text.startswith(self.closings.bare(alone).rstrip())


def _apart(turns: Iterable[Owed | Undecided]) -> tuple[Owed | Undecided, ...]:
    """Let no turn's header begin before the end of the turn before it, as where the last one ends otherwise."""
    found: list[Owed | Undecided] = []
    for turn in turns:
        before = found[-1] if found else None
        if isinstance(turn, Owed) and isinstance(before, Owed):
            turn = replace(turn, header=min(max(turn.header, max(before.ends)), min(turn.starts)))
        found.append(turn)
    return tuple(found)


def expect(renderer: Renderer, probes: Sequence[Probe]) -> tuple[Expectation, ...]:
    """Say what each assistant turn of each probe owes; see [`Oracle`]."""
    oracle = Oracle.learn(renderer, probes)
    return tuple(oracle.expect(probe) for probe in probes)
