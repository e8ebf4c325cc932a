"""Probes that reach every output of a template and both ways of its tests, and which ones none reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage.gaps import gaps
from templatefix.coverage.observe import Observer
from templatefix.coverage.paths import loop_targets
from templatefix.coverage.reach import possible
from templatefix.coverage.search import search
from templatefix.errors import RenderError
from templatefix.probes import MATRIX, Probe, probes_for
from templatefix.render import Renderer

__all__ = ["Observer", "gaps", "loop_targets", "possible", "reaching"]


def reaching(analysis: TemplateAnalysis) -> tuple[tuple[Probe, ...], Observer]:
    """Return the probes to judge a template on, and the observer that has seen them.

    They are the matrix, probes of what the template reads besides, and those that a search found.

    Args:
        analysis (`TemplateAnalysis`): The template.
    """
    names = analysis.aliases
    asked = [
        probe
        for probe in probes_for(analysis.source)[len(MATRIX) :]
        if not any(turn.role in names for turn in probe.turns)  # the assistant is no other role
    ]
    probes = (*MATRIX, *_heeded(analysis.renderer, asked))
    observer = Observer(analysis)
    observer.see(probes)
    return (*probes, *search(observer, names)), observer


def _heeded(renderer: Renderer, probes: Iterable[Probe]) -> Iterator[Probe]:
    """Those probes whose variables change what is rendered, with or without a generation prompt."""
    plain: dict[int, tuple[str, str]] = {}
    for probe in probes:
        key = id(probe.messages)
        if probe.options and key not in plain:
            plain[key] = _rendered(renderer, probe, {})
        if not probe.options or _rendered(renderer, probe, probe.options) != plain[key]:
            yield probe


def _rendered(renderer: Renderer, probe: Probe, options: Mapping[str, Any]) -> tuple[str, str]:
    tools = list(probe.tools) if probe.tools else None

    def text(prompt: bool) -> str:
        try:
            return renderer.render(probe.messages, tools=tools, add_generation_prompt=prompt, **options).text
        except RenderError as error:
            return error.what

    return text(False), text(True)
