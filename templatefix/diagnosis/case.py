"""What the probes make of one template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from templatefix.errors import RenderError
from templatefix.probes import Probe
from templatefix.render import Renderer, Trace, Tracer, leaves
from templatefix.syntax import Source, span_of

_PLAIN = ("two turns", "one turn", "parts without system")


@dataclass
class Case:
    """A template that is refused, and its renders.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`): Special tokens.
        probes (`Sequence[Probe]`): The conversations.
        renders (`list[tuple[Probe, str]]`): Those that render, and their texts.
        errors (`list[RenderError]`): What the others raise.
    """

    source: Source
    variables: Mapping[str, Any]
    probes: Sequence[Probe]
    renders: list[tuple[Probe, str]] = field(default_factory=list)
    errors: list[RenderError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.renderer = Renderer(self.source.text, self.variables)
        for probe in self.probes:
            try:
                self.renders.append((probe, self.renderer.render(probe.messages, **probe.arguments).text))
            except RenderError as error:
                self.errors.append(error)

    @cached_property
    def _tracer(self) -> Tracer:
        return Tracer(self.source, self.variables)

    def printed(self, role: str) -> bool:
        """Whether some render holds some text of a role."""
        return any(
            text in render
            for probe, render in self.renders
            for turn in probe.turns
            if turn.role == role
            for text in turn.texts
        )

    def plain(self) -> list[Probe]:
        """The plain conversations that render."""
        found = {probe.name: probe for probe, _ in self.renders}
        return [found[name] for name in _PLAIN if name in found]

    def traced(self, probe: Probe, *, prompt: bool = False) -> Trace | None:
        """Render a probe in pieces; `None` where the template raises.

        Args:
            probe (`Probe`): The conversation.
            prompt (`bool`): `add_generation_prompt`.
        """
        try:
            return self._tracer.run(probe.messages, **{**probe.arguments, "add_generation_prompt": prompt})
        except RenderError:
            return None

    def line(self, traced: Trace, offset: int) -> int:
        """The line of the output that printed the character at an offset."""
        piece = next(each for each in traced.pieces if each.span.start <= offset < each.span.end)
        return self.source.position(span_of(leaves(self.source)[piece.leaf]).start)[0]

    def answered(self) -> int:
        """The line of the output that prints what the assistant says; 0 where no plain conversation shows it."""
        for probe in self.plain():
            traced = self.traced(probe)
            for text in probe.turns[1].texts if traced else ():
                if traced and text in traced.text:
                    return self.line(traced, traced.text.index(text))
        return 0
