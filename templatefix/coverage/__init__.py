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
from templatefix.model import DEFAULT_POLICY, Policy
from templatefix.probes import MATRIX, Probe, asked_alike, chosen, probes_for

__all__ = ["Observer", "gaps", "loop_targets", "possible", "reaching"]


def reaching(
    analysis: TemplateAnalysis, policy: Policy = DEFAULT_POLICY
) -> tuple[tuple[Probe, ...], Observer]:
    """Return the probes to judge a template on, and the observer that has seen them.

    They are the matrix, probes of what the template reads besides, and those that a search found.

    Args:
        analysis (`TemplateAnalysis`): The template.
        policy (`Policy`): Which turns are to be trained: each turn is in some probes, and left out in others.
    """
    names = analysis.aliases
    asked = [
        probe
        for probe in probes_for(analysis.source)[len(MATRIX) :]
        if not any(turn.role in names for turn in probe.turns)  # the assistant is no other role
    ]
    heeded = (*_heeded(analysis, asked),)
    observer = Observer(analysis)
    observer.see((*MATRIX, *heeded), keep=True)
    found = (*heeded, *search(observer, names))
    # What an assistant's part is printed by may print a user's too.
    alike = [probe for probe in map(asked_alike, found) if probe is not None and observer.see([probe])]
    probes = (*MATRIX, *found, *alike)
    more = [each for probe in probes for each in chosen(probe, policy.turns)]
    observer.see(more, keep=True)
    return (*probes, *more), observer


def _heeded(analysis: TemplateAnalysis, probes: Iterable[Probe]) -> Iterator[Probe]:
    """Yield those probes whose variables change what is rendered, with or without a generation prompt."""

    def rendered(probe: Probe, options: Mapping[str, Any]) -> list[str | None]:
        given = probe.messages, probe.tools
        errors = (analysis.error(*given, prompt, options) for prompt in (False, True))
        return [
            error.what if error else analysis.plain(*given, prompt, options)
            for prompt, error in zip((False, True), errors, strict=True)
        ]

    for probe in probes:
        if not probe.options or rendered(probe, probe.options) != rendered(probe, {}):
            yield probe
