"""Other names under which a template knows the assistant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from templatefix.errors import RenderError
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe, other_roles
from templatefix.render import Renderer
from templatefix.syntax import Source

_BASES = ("two turns", "tool call with content and reasoning, then the tool")


def aliases(source: Source, variables: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the roles whose messages a template prints as it prints the assistant's, sorted.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
    """
    roles = other_roles(source)
    if not roles:
        return ()
    renderer = Renderer(source.text, PLACEHOLDERS if variables is None else variables)
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    plain = [(base, text) for base in bases if (text := _text(renderer, base)) is not None]
    return tuple(
        role
        for role in sorted(roles)
        if plain and all(_text(renderer, _renamed(base, role)) == text for base, text in plain)
    )


def _renamed(base: Probe, role: str) -> Probe:
    messages = [{**each, "role": role} if each["role"] == "assistant" else each for each in base.messages]
    return replace(base, messages=messages)


def _text(renderer: Renderer, probe: Probe) -> str | None:
    try:
        return renderer.render(probe.messages, **probe.arguments).text
    except RenderError:
        return None
