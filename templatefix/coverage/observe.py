"""What the probes made a template do: outputs that ran, texts that were printed, answers of conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from jinja2 import nodes

from templatefix.analysis import TemplateAnalysis, Trace
from templatefix.errors import LimitError
from templatefix.model import Message, Span
from templatefix.probes import Probe
from templatefix.render import leaves
from templatefix.syntax import Source, walk

_PROMPTED = ("one turn", "ends with the user", "tool call, then the tool")


@dataclass
class Observer:
    """Counts what the probes reach.

    Args:
        analysis (`TemplateAnalysis`): The template.
    """

    analysis: TemplateAnalysis
    ran: set[tuple[int, str]] = field(default_factory=set)
    printed: set[tuple[int, int]] = field(default_factory=set)
    elsewhere: set[int] = field(default_factory=set)
    texts: set[tuple[int | str, int]] = field(default_factory=set)
    answers: dict[Span, set[bool]] = field(default_factory=dict)
    looped: set[Span] = field(default_factory=set)
    loops: set[int] = field(default_factory=set)
    asked_by: dict[Span, Probe] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """The template."""
        return self.analysis.source

    @cached_property
    def leaves(self) -> list[nodes.Output]:
        """The outputs that print straight to the rendered text."""
        return leaves(self.source)

    @cached_property
    def places(self) -> dict[int, tuple[nodes.Node, ...]]:
        """The ancestors of each node, by its identity."""
        return {id(node): above for node, above in walk(self.source.tree)}

    def see(self, probes: Iterable[Probe], keep: bool = False) -> bool:
        """Run probes, with and without a generation prompt; return whether one reached something new.

        Args:
            probes (`Iterable[Probe]`): The conversations.
            keep (`bool`): Keep the renders, because spans are inferred from them afterwards.
        """
        before = self._reached_so_far()
        render = self.analysis.traced if keep else self.analysis.observed
        for probe in probes:
            # What only a generation prompt prints is the same after any conversation.
            for prompt in (False, True) if probe.name in _PROMPTED else (False,):
                try:
                    trace = render(probe.messages, probe.tools, prompt, probe.options)
                except LimitError:
                    continue  # the judge says so
                if trace is not None:
                    self._note(probe, trace)
        return self._reached_so_far() != before

    def _reached_so_far(self) -> tuple[int, ...]:
        return len(self.ran), len(self.printed), len(self.texts), sum(map(len, self.answers.values()))

    def _note(self, probe: Probe, trace: Trace) -> None:
        unsupported = {at for at in trace.rendered.lists if _in_parts(probe.messages[at])}
        for piece in trace.rendered.pieces:
            role = "" if piece.message is None else str(probe.messages[piece.message].get("role"))
            self.ran.add((piece.leaf, role))
            if role == "assistant" and len(piece.span):
                # A list printed as Python's `repr` shows nothing of what the output prints of a text.
                derived = piece.message in unsupported and trace.origin(piece.span.start).kind == "derived"
                if not derived:
                    self.printed.add((piece.leaf, piece.atom))
            if piece.message is None or piece.leaf in self.elsewhere:
                continue
            if _of_another(probe, piece.message, trace, piece.span):
                self.elsewhere.add(piece.leaf)
        for origin in set(trace.origins):
            printed = origin.kind in ("literal", "variable") and origin.via
            if printed and origin.at in probe.assistant:
                self.texts.add((origin.place, origin.via[-1]))
        self.loops |= trace.rendered.loops
        for start, end, truth, message in trace.rendered.tests:
            span = Span(start, end)
            self.answers.setdefault(span, set()).add(truth)
            if message is not None and probe.messages[message].get("role") == "assistant":
                self.asked_by.setdefault(span, probe)
            if message is not None:
                self.looped.add(span)


def _in_parts(message: Message) -> bool:
    return isinstance(message.get("content"), list | dict)


def _of_another(probe: Probe, message: int, trace: Trace, span: Span) -> bool:
    """Whether a text holds what another role says in another message than the one the loop is at."""
    said = {at for index, _, _ in trace.segments_in(span.start, span.end) for at in trace.messages[index]}
    return any(at >= 0 and at != message and probe.turns[at].role != "assistant" for at in said)
