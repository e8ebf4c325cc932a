"""Conversations that say the same otherwise: nothing is learned from them, but who said what still tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from templatefix.model import Message
from templatefix.probes.derived import asked_variables, values_for
from templatefix.probes.facts import mapped_roles
from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import Probe, dialogue, probe, say
from templatefix.probes.schema import ITEM, Schema, read_schema
from templatefix.syntax import Source

_CALL = "tool call with content and reasoning, then the tool"
_BASES = ("two turns", "system, three turns", "parts without system", _CALL)
_STANDARD = ("system", "user", "assistant", "tool")
_MOST_WORDS = 12


@dataclass(frozen=True, slots=True)
class Variation:
    """A conversation, and another one that it must render like to be one at all.

    Args:
        probe (`Probe`): The conversation.
        like (`Probe`, *optional*): Where the assistant speaks under another name: the same under its own.
        base (`Probe`, *optional*): Where only a variable is set: the same without it.
    """

    probe: Probe
    like: Probe | None = None
    base: Probe | None = None


@lru_cache(maxsize=8)
def variations(source: Source, aliases: tuple[str, ...] = ()) -> tuple[Variation, ...]:
    """Return conversations that differ from probes in what a template may heed.

    Names, variables, keys of messages with the values that the template compares anything with; words that it looks
    for in what is said; long messages, many rounds, documents, tools; other names of the assistant.

    Args:
        source (`Source`): The template.
        aliases (`tuple[str, ...]`): Other names under which it knows the assistant.
    """
    known = {each.name: each for each in MATRIX}
    bases = [known[name] for name in _BASES]
    schema = read_schema(source)
    plain = [*_named(bases), *_keyed(source, schema, bases), *_worded(source, bases[1])]
    plain += [*_much(bases), *_called(source, bases)]
    found = [*map(Variation, plain), *_set(source, bases)]
    for role in aliases:
        found += [Variation(_told(base, f"as {role!r}", role=role), base) for base in bases]
    return tuple(found)


def other_roles(source: Source) -> list[str]:
    """Return the roles that a template names, in a comparison or a mapping, and that other probes have not.

    Args:
        source (`Source`): The template.
    """
    named = (*read_schema(source).choices.get(("role",), {}), *mapped_roles(source))
    return [role for role in dict.fromkeys(named) if role not in _STANDARD]


def _changed(base: Probe, name: str, change: Callable[[int, Message], Message]) -> Probe:
    messages = [change(at, dict(message)) for at, message in enumerate(base.messages)]
    return replace(base, name=f"{base.name}, {name}", messages=messages)


def _told(base: Probe, name: str, **more: Any) -> Probe:
    """A probe whose assistant's messages have these keys too."""
    return _changed(base, name, lambda _, each: {**each, **more} if each["role"] == "assistant" else each)


def _named(bases: list[Probe]) -> Iterator[Probe]:
    for base in bases:
        yield _changed(
            base,
            "named",
            lambda at, each: each if each["role"] == "tool" else {**each, "name": f"Larkin{at}"},
        )


def _set(source: Source, bases: list[Probe]) -> Iterator[Variation]:
    for name in asked_variables(source):
        for value in dict.fromkeys((*map(_hashable, values_for(source, name)), "Word", 500)):
            chosen = list(value) if isinstance(value, tuple) else value
            for base in bases:
                options = {**base.options, name: chosen}
                probe = replace(base, name=f"{base.name}, {name}={chosen!r}", options=options)
                yield Variation(probe, base=base)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _keyed(source: Source, schema: Schema, bases: list[Probe]) -> Iterator[Probe]:
    numbers = sorted({each.value for each in source.tree.find_all(nodes.Const) if type(each.value) is int})
    keys = [key for key in schema.children(()) if key not in ("role", "content", "name", "tool_calls", ITEM)]
    for key in keys:
        # What the template goes through is given as a list or mapping by other probes.
        plain = () if schema.children((key,)) else (*numbers[:4], True, False, "Word")
        for value in dict.fromkeys((*schema.choices.get((key,), {}), *plain)):
            for base in bases:
                yield _told(base, f"{key}={value!r}", **{key: value})


def _worded(source: Source, base: Probe) -> Iterator[Probe]:
    """Words that the template looks for, before and behind what each role says."""
    for word in _words(source):
        for role in ("system", "user", "assistant"):
            for name, before, behind in (
                ("first", f"{word} ", ""),
                ("at once", word, ""),
                ("last", "", f" {word}"),
            ):
                yield _saying(base, f"{word!r} {name}, said by {role}", role, before, behind)


def _saying(base: Probe, name: str, role: str, before: str, behind: str) -> Probe:
    """A probe in which one role says more before and behind each text."""

    def put(_: int, each: Message) -> Message:
        said = each["content"]
        heeds = each["role"] == role and isinstance(said, str)
        return {**each, "content": f"{before}{said}{behind}"} if heeds else each

    return _changed(base, name, put)


def _words(source: Source) -> list[str]:
    found: set[Any] = set()
    for call in source.tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in (
            "startswith",
            "endswith",
            "find",
            "split",
        ):
            found |= {each.value for each in call.args if isinstance(each, nodes.Const)}
    for test in source.tree.find_all(nodes.Compare):
        if isinstance(test.expr, nodes.Const) and test.ops[0].op in ("in", "notin"):
            found.add(test.expr.value)
        if isinstance(test.expr, nodes.Getitem):
            found |= {each.expr.value for each in test.ops if isinstance(each.expr, nodes.Const)}
    return sorted(each for each in found if isinstance(each, str) and each)[:_MOST_WORDS]


def _much(bases: list[Probe]) -> Iterator[Probe]:
    long = " so" * 2000
    yield _changed(bases[0], "long", lambda _, each: {**each, "content": f"{each['content']}{long}"})
    yield probe("twenty rounds", *dialogue(20, system=True), say("user", 77))
    documents = [{"title": f"Almanac{at}", "text": f"Thistledown{at}.", "doc_id": at} for at in range(3)]
    yield replace(bases[0], name=f"{bases[0].name}, three documents", options={"documents": documents})
    schema = {"type": "object", "properties": {}}
    tools = [
        {"type": "function", "function": {"name": f"tool{at}", "description": "", "parameters": schema}}
        for at in range(4)
    ]
    for base in bases:
        yield replace(base, name=f"{base.name}, four tools", tools=tuple(tools))


def _called(source: Source, bases: list[Probe]) -> Iterator[Probe]:
    """Calls of tools by the names that the template knows."""
    base = next((each for each in bases if any("tool_calls" in message for message in each.messages)), None)
    if base is None:
        return
    known = read_schema(source).choices
    names = {
        name for path, told in known.items() if path[-1] == "name" for name in told if isinstance(name, str)
    }
    for name in sorted(names):

        def call(_: int, each: Message, name: str = name) -> Message:
            calls = [
                {**one, "function": {**one["function"], "name": name}} for one in each.get("tool_calls", [])
            ]
            return {**each, "tool_calls": calls} if calls else each

        yield _changed(base, f"a call of {name!r}", call)
