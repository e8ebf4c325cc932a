"""Probes that reach every output of a template, and which outputs none reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templatefix.coverage.observe import Observer
from templatefix.coverage.search import search
from templatefix.probes import PLACEHOLDERS, Probe, probes_for
from templatefix.syntax import Source

__all__ = ["Observer", "reaching"]


def reaching(
    source: Source, variables: Mapping[str, Any] | None = None
) -> tuple[tuple[Probe, ...], Observer]:
    """Return the probes to judge a template on, and the observer that has seen them.

    They are the matrix, probes of what the template reads besides, and those that a search found.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
    """
    probes = probes_for(source)
    observer = Observer(source, PLACEHOLDERS if variables is None else variables)
    observer.see(probes)
    return (*probes, *search(observer)), observer
