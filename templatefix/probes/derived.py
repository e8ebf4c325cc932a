"""Probes that a template asks for: the variables and message keys it tests and nobody else uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jinja2 import meta, nodes

from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import PLACEHOLDERS, Probe, Turn
from templatefix.syntax import Source, parse

_GIVEN = {"messages", "tools", "documents", "add_generation_prompt", "enable_thinking", *PLACEHOLDERS}
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
_MOST = 8
_BASES = (
    "two turns",
    "parts with media",
    "reasoning field, two turns",
    "tool call with content and reasoning, then the tool",
    "tool call, JSON, with content and reasoning",
)


def probes_for(source: Source) -> tuple[Probe, ...]:
    """Return the matrix, and probes for what this template tests besides.

    Args:
        source (`Source`): The template.
    """
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    return (*MATRIX, *_with_variables(source, bases), *_with_keys(source, bases[0]))


def _with_variables(source: Source, bases: list[Probe]) -> Iterator[Probe]:
    # Jinja compiles to find them, and its optimiser changes the tree it compiles.
    undeclared = meta.find_undeclared_variables(parse(source.text).tree)
    if "documents" in undeclared:
        documents = [{"title": "Almanac", "text": "Thistledown grows there.", "doc_id": 1}]
        yield replace(bases[0], name="documents", options={"documents": documents})
    for name in sorted(undeclared - _GIVEN - _GLOBALS)[:_MOST]:
        for value in _values(source, name):
            for base in bases:
                yield replace(base, name=f"{base.name}, {name}={value!r}", options={name: value})


def _values(source: Source, name: str) -> list[Any]:
    """Values worth trying for a variable: what it is compared with, or the truth values."""
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


def _with_keys(source: Source, base: Probe) -> Iterator[Probe]:
    """Give the assistant's messages each key that the template reads of a message and no probe has."""
    reads: list[nodes.Getattr | nodes.Getitem] = [
        *source.tree.find_all(nodes.Getattr),
        *source.tree.find_all(nodes.Getitem),
    ]
    keys: dict[str, set[str]] = {}
    for read in reads:
        key = read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)
        if isinstance(read.node, nodes.Name) and isinstance(key, str):
            keys.setdefault(read.node.name, set()).add(key)
    loops = {
        loop.target.name for loop in source.tree.find_all(nodes.For) if isinstance(loop.target, nodes.Name)
    }
    own = {key for name, found in keys.items() if name in loops and "role" in found for key in found}
    for key in sorted(own - _KEYS)[:_MOST]:
        messages, turns = [], []
        for index, (message, turn) in enumerate(zip(base.messages, base.turns, strict=True)):
            answers = turn.role == "assistant"
            text = f"Larkspur{index} for {key[::-1]}{index}."
            messages.append({**message, key: text} if answers else message)
            turns.append(Turn(turn.role, (text, *turn.texts)) if answers else turn)
        yield Probe(f"two turns, messages with {key!r}", messages, tuple(turns))
