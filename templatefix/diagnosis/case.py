"""What the probes make of one template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from templatefix.analysis import TemplateAnalysis, Trace
from templatefix.errors import LimitError, RenderError
from templatefix.probes import Probe
from templatefix.syntax import Source

_PLAIN = ("two turns", "one turn", "parts without system")


class Case:
    """A template that is refused, and its renders.

    Args:
        analysis (`TemplateAnalysis`): The template.
        probes (`Sequence[Probe]`): The conversations.
    """

    def __init__(self, analysis: TemplateAnalysis, probes: Sequence[Probe]) -> None:
        self.analysis = analysis
        self.probes = probes

    @property
    def source(self) -> Source:
        """The template."""
        return self.analysis.source

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its special tokens."""
        return self.analysis.variables

    @cached_property
    def renders(self) -> list[tuple[Probe, Trace]]:
        """The probes that render."""
        return [(probe, trace) for probe in self.probes if (trace := self.traced(probe)) is not None]

    @cached_property
    def errors(self) -> list[RenderError]:
        """What the template raises on the others."""
        found = (self.analysis.error(each.messages, each.tools, False, each.options) for each in self.probes)
        return [error for error in found if error is not None]

    def printed(self, role: str) -> bool:
        """Whether some render holds some text of a role."""
        return any(
            trace.own(index)
            for probe, trace in self.renders
            for index, message in enumerate(probe.messages)
            if message.get("role") == role
        )

    def plain(self) -> list[Probe]:
        """The plain conversations that render."""
        found = {probe.name: probe for probe, _ in self.renders}
        return [found[name] for name in _PLAIN if name in found]

    def traced(self, probe: Probe, *, prompt: bool = False) -> Trace | None:
        """Render a probe; `None` where the template raises or goes over a limit.

        Args:
            probe (`Probe`): The conversation.
            prompt (`bool`): `add_generation_prompt`.
        """
        try:
            return self.analysis.traced(probe.messages, probe.tools, prompt, probe.options)
        except LimitError:
            return None

    def line(self, trace: Trace, offset: int) -> int:
        """The line of the output that printed the character at an offset."""
        via = trace.origin(offset).via
        return self.source.position(via[-1])[0] if via else 0

    def answered(self) -> int:
        """The line of the output that prints what the assistant says; 0 where no plain conversation shows it."""
        for probe in self.plain():
            trace = self.traced(probe)
            own = trace.own(1) if trace else []
            if trace and own:
                return self.line(trace, own[0][0])
        return 0
