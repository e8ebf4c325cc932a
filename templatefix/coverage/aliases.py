"""Other names under which a template knows the assistant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from os.path import commonprefix
from typing import Any

from templatefix.errors import RenderError
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe, other_roles
from templatefix.render import Renderer
from templatefix.syntax import Source

_ASSISTANT = re.compile(r"assistant|model|gpt|bot|agent|call|^ai$", re.IGNORECASE)
"""Names that say that the model speaks, `function_call` among them."""
_BASES = ("two turns", "tool call with content and reasoning, then the tool")


def aliases(source: Source, variables: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the roles whose messages a template prints as it prints the assistant's, and that are its other names.

    Many templates print the messages of `context` or `observation` so too: the name says that the model speaks, or
    the generation prompt has it.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.

    Returns:
        `tuple[str, ...]`: The names, sorted.
    """
    roles = other_roles(source)
    if not roles:
        return ()
    renderer = Renderer(source.text, PLACEHOLDERS if variables is None else variables)
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    plain = [(base, text) for base in bases if (text := _text(renderer, base)) is not None]
    prompt = _prompt(renderer, bases[0])
    return tuple(
        role
        for role in sorted(roles)
        if _ASSISTANT.search(role) or role in prompt
        if plain and all(_text(renderer, _renamed(base, role)) == text for base, text in plain)
    )


def _prompt(renderer: Renderer, base: Probe) -> str:
    """What a generation prompt adds to a question; empty where it cannot be told."""
    texts = []
    for asked in (False, True):
        try:
            options = {**base.arguments, "add_generation_prompt": asked}
            texts.append(renderer.render(base.messages[:1], **options).text)
        except RenderError:
            return ""
    return texts[1][len(commonprefix(texts)) :]  # noqa: RUF071 - of characters


def _renamed(base: Probe, role: str) -> Probe:
    messages = [{**each, "role": role} if each["role"] == "assistant" else each for each in base.messages]
    return replace(base, messages=messages)


def _text(renderer: Renderer, probe: Probe) -> str | None:
    try:
        return renderer.render(probe.messages, **probe.arguments).text
    except RenderError:
        return None
