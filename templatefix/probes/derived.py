"""Probes that a template asks for: the variables and message keys it reads and no probe of the matrix has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from templatefix.model import Message
from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import PLACEHOLDERS, Probe, Turn, dialogue, probe, say
from templatefix.probes.schema import ITEM, Path, Schema, give, of_others, read_schema
from templatefix.syntax import Source, undeclared

_GIVEN = {"messages", "tools", "documents", "add_generation_prompt", "enable_thinking", *PLACEHOLDERS}
_KEPT = {"continue_final_message"}  # transformers takes it for itself: no template is ever told
_GLOBALS = {"raise_exception", "strftime_now", "namespace", "range", "dict", "lipsum", "cycler", "joiner"}
_KEYS = {
    "role",
    "content",
    "tool_calls",
    "reasoning_content",
    "reasoning",
    "thinking",
    "name",
    "tool_call_id",
}
_ROLES = {"system", "user", "assistant", "tool", "model", "chatbot", "bot", "ai", "gpt", "human"}
"""Roles that other probes have, and other names for the assistant and the user."""
_CALL_KEYS = {"function", "id", "type"}
_PART_TYPES = {"text", "image", "video"}
_MOST = 8
_BASES = (
    "two turns",
    "parts with media",
    "reasoning field, two turns",
    "tool call with content and reasoning, then the tool",
    "tool call, JSON, with content and reasoning",
)


def probes_for(source: Source) -> tuple[Probe, ...]:
    """Return the matrix, and probes for what this template reads besides.

    Args:
        source (`Source`): The template.
    """
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    return (*MATRIX, *_with_variables(source, bases), *_with_keys(source, bases))


@lru_cache(maxsize=32)
def asked_variables(source: Source) -> tuple[str, ...]:
    """Return the variables that a template reads and nobody sets, but for those every probe has."""
    return tuple(sorted(undeclared(source.tree) - _GIVEN - _KEPT - _GLOBALS))


def _with_variables(source: Source, bases: list[Probe]) -> Iterator[Probe]:
    if any(name.name == "documents" for name in source.tree.find_all(nodes.Name)):
        documents = [{"title": "Almanac", "text": "Thistledown grows there.", "doc_id": 1}]
        yield replace(bases[0], name="documents", options={"documents": documents})
    for name in asked_variables(source)[:_MOST]:
        for value in values_for(source, name):
            for base in bases:
                yield replace(base, name=f"{base.name}, {name}={value!r}", options={name: value})


@lru_cache(maxsize=512)
def values_for(source: Source, name: str) -> list[Any]:
    """Return values worth trying for a variable: what it is compared with, or the truth values."""
    compared: dict[Any, None] = {}
    for test in source.tree.find_all(nodes.Compare):
        for operand in test.ops:
            sides = (test.expr, operand.expr)
            if isinstance(sides[1], nodes.Name) and sides[1].name == name and operand.op in ("in", "notin"):
                return [["weather_at"]]
            if (
                isinstance(sides[0], nodes.Name)
                and sides[0].name == name
                and isinstance(sides[1], nodes.Const)
            ):
                compared[sides[1].value] = None
    return [*list(compared)[:3], *(value for value in (True, False) if value not in compared)]


def _with_keys(source: Source, bases: list[Probe]) -> Iterator[Probe]:
    schema = read_schema(source)
    for key in [key for key in schema.children(()) if key not in _KEYS and key != ITEM][:_MOST]:
        yield with_key(bases[-1 if of_others(key) else 0], schema, (key,))
    roles = [role for role in schema.choices.get(("role",), {}) if role not in _ROLES | _own_roles(source)]
    for role in roles[:_MOST]:
        yield from _with_role(role)
    if set(schema.children(("tool_calls", ITEM))) - _CALL_KEYS:
        yield with_key(bases[3], schema, ("tool_calls",))
    told = schema.choices.get(("content", ITEM, "type"), {})
    below = set(schema.children(("content",)))
    if (below and below != {ITEM}) or (set(told) - _PART_TYPES):
        yield with_key(bases[0], schema, ("content",))


def asked_alike(probe: Probe) -> Probe | None:
    """Return a probe whose users send content of the form in which the assistant answers; `None` if that is a text.

    Args:
        probe (`Probe`): The conversation.
    """
    given = (at for at in probe.assistant if isinstance(probe.messages[at].get("content"), list | dict))
    answer = next(given, None)
    if answer is None:
        return None
    content, texts = probe.messages[answer]["content"], probe.turns[answer].texts
    messages = [{**each, "content": content} if each["role"] == "user" else each for each in probe.messages]
    turns = tuple(replace(turn, texts=texts) if turn.role == "user" else turn for turn in probe.turns)
    return replace(probe, name=f"{probe.name}, asked alike", messages=messages, turns=turns)


def _own_roles(source: Source) -> set[str]:
    """Roles of messages that the template makes up itself, such as one that marks the end of the list."""
    pairs = [pair for each in source.tree.find_all(nodes.Dict) for pair in each.items]
    return {
        pair.value.value
        for pair in pairs
        if isinstance(pair.key, nodes.Const)
        and pair.key.value == "role"
        and isinstance(pair.value, nodes.Const)
    }


def _with_role(role: str) -> Iterator[Probe]:
    """Conversations in which a role speaks that the template knows and other probes have not."""
    message, turn = say("observer", 3)
    said = ({**message, "role": role}, Turn(role, turn.texts))
    yield probe(f"the role {role!r}", *dialogue(1), said, *dialogue(1, after=7))
    yield probe(f"the role {role!r} first", said, *dialogue(1))


def with_key(base: Probe, schema: Schema, path: Path, *, flat: bool = False) -> Probe:
    """Return a probe whose assistant's messages have what the template reads at a path.

    Args:
        base (`Probe`): The conversation.
        schema (`Schema`): What the template reads.
        path (`tuple[str, ...]`): One key of a message.
        flat (`bool`): See [`Schema.fill`].
    """
    given: list[tuple[Message, Turn]] = []
    for index, (message, turn) in enumerate(zip(base.messages, base.turns, strict=True)):
        needed = "tool_calls" if of_others(path[0]) else path[0]
        more = path[0] not in _KEYS and not of_others(path[0])
        wanted = turn.role == "assistant" and (more or needed in message)
        given.append(give(schema, path, message, turn, str(index), flat=flat) if wanted else (message, turn))
    name = f"{base.name}, messages with {path[0]!r}{' flat' if flat else ''}"
    return replace(
        base, name=name, messages=[each for each, _ in given], turns=tuple(turn for _, turn in given)
    )
