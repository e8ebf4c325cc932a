"""Other names under which a template knows the assistant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import commonprefix
from typing import Any

from templatefix.model import Conversation
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe, other_roles
from templatefix.render import Renderer
from templatefix.syntax import Source

_ASSISTANT = re.compile(r"assistant|model|gpt|bot|agent|call|^ai$", re.IGNORECASE)
"""Names that say that the model speaks, `function_call` among them."""
_BASES = ("two turns", "tool call with content and reasoning, then the tool")


def aliases(source: Source, variables: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the roles whose messages a template prints as it prints the assistant's, and that are its other names.

    Many print the messages of `context` or `observation` so too. Hence the name must say that the model speaks, or
    stand in the generation prompt.

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
    plain = [
        (base, text) for base in bases if (text := renderer.text(base.messages, **base.arguments)) is not None
    ]
    prompt = _prompt(renderer, bases[0])
    return tuple(
        role
        for role in sorted(roles)
        if _ASSISTANT.search(role) or role in prompt
        if plain
        and all(renderer.text(_renamed(base, role), **base.arguments) == text for base, text in plain)
    )


def _prompt(renderer: Renderer, base: Probe) -> str:
    """What a generation prompt adds to a question; empty where it cannot be told."""
    question = base.messages[:1]
    plain = renderer.text(question, **base.arguments)
    asked = renderer.text(question, **base.arguments, add_generation_prompt=True)
    if plain is None or asked is None:
        return ""
    return asked[len(commonprefix([plain, asked])) :]  # noqa: RUF071 - of characters


def _renamed(base: Probe, role: str) -> Conversation:
    return [{**each, "role": role} if each["role"] == "assistant" else each for each in base.messages]
