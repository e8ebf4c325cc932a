"""Other names under which a template knows the assistant."""

from __future__ import annotations

import re
from collections.abc import Callable
from os.path import commonprefix

from templatefix.model import Conversation
from templatefix.probes import MATRIX, Probe, other_roles
from templatefix.syntax import Source

_ASSISTANT = re.compile(r"assistant|model|gpt|bot|agent|call|^ai$", re.IGNORECASE)
"""Names that say that the model speaks, `function_call` among them."""
_BASES = ("two turns", "tool call with content and reasoning, then the tool")

Print = Callable[[Conversation, Probe, bool], str | None]
"""Renders messages with the tools and variables of a probe, with or without a generation prompt."""


def find_aliases(source: Source, text: Print) -> tuple[str, ...]:
    """Return the roles that the template renders exactly like `assistant`.

    Many print the messages of `context` or `observation` so too. Hence the name must say that the model speaks, or
    be printed by the generation prompt.

    Args:
        source (`Source`): The template.
        text (`Callable`): Renders a conversation; `None` where the template raises.

    Returns:
        `tuple[str, ...]`: The names, sorted.
    """
    roles = other_roles(source)
    if not roles:
        return ()
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    plain = [(base, found) for base in bases if (found := text(base.messages, base, False)) is not None]
    prompt = _prompt(bases[0], text)
    return tuple(
        role
        for role in sorted(roles)
        if _ASSISTANT.search(role) or role in prompt
        if plain and all(text(_renamed(base, role), base, False) == found for base, found in plain)
    )


def _prompt(base: Probe, text: Print) -> str:
    """Return what a generation prompt adds to a question; empty where the template raises."""
    question = base.messages[:1]
    plain, asked = text(question, base, False), text(question, base, True)
    if plain is None or asked is None:
        return ""
    return asked[len(commonprefix([plain, asked])) :]  # noqa: RUF071 - of characters


def _renamed(base: Probe, role: str) -> Conversation:
    return [{**each, "role": role} if each["role"] == "assistant" else each for each in base.messages]
