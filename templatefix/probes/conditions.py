"""Probes made to meet one condition of a template, or to fail it: by what the condition reads and compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from jinja2 import nodes

from templatefix.model import Message
from templatefix.probes.facts import Facts, behind, facts_of, looked_up
from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import TOOLS, Probe, Turn, dialogue, probe, say
from templatefix.probes.schema import ITEM, VALUE, Path, of_others
from templatefix.syntax import Source

_MOST_TEXT = 100_000
_MOST_ROUNDS = 130
_BY_METHOD = {
    "isdigit": ("42",),
    "isnumeric": ("42",),
    "isdecimal": ("42",),
    "isalpha": ("Word",),
    "isalnum": ("Word",),
    "isupper": ("WORD",),
    "islower": ("word",),
    "istitle": ("Word",),
    "isspace": (" ",),
}
_BY_TEST: dict[str, tuple[Any, ...]] = {
    "string": ("Word",),
    "mapping": ({"note": "Word"},),
    "sequence": (["Word"],),
    "iterable": (["Word"],),
    "number": (3,),
    "integer": (3,),
    "float": (1.5,),
    "boolean": (True,),
    "true": (True,),
    "false": (False,),
    "none": (None,),
    "defined": ("Word",),
    "undefined": ("Word",),
}
"""Values that a test of Jinja asks for; what it does not ask for is what other probes have."""
_OPTION_BASES = [
    each
    for each in MATRIX
    if each.name
    in ("two turns", "tool call with content and reasoning, then the tool", "call at the end with content")
]
_STANDARD = ("system", "user", "assistant", "tool")


def probes_for_condition(source: Source, condition: nodes.Expr, base: Probe | None = None) -> Iterator[Probe]:
    """Yield conversations on which a condition may have another answer, the likeliest first.

    Args:
        source (`Source`): The template.
        condition (`jinja2.nodes.Expr`): One of its conditions.
        base (`Probe`, *optional*): A conversation on which the condition is asked.
    """
    facts = replace(facts_of(source), base=base)
    seen: set[str] = set()
    for expression in behind(facts, condition):
        for each in _made(facts, expression):
            if each.name not in seen:
                seen.add(each.name)
                yield each


def lookups(source: Source) -> Iterator[Probe]:
    """Yield conversations that have each key of the mappings in which the template looks a value up.

    Args:
        source (`Source`): The template.
    """
    facts = facts_of(source)
    for key, values in looked_up(facts):
        yield from _given(facts, key, values)


def _made(facts: Facts, root: nodes.Node) -> Iterator[Probe]:
    for node in (root, *root.find_all(nodes.Expr)):
        if isinstance(node, nodes.Compare):
            yield from _compared(facts, node)
        elif isinstance(node, nodes.Test):
            yield from _given(facts, node.node, _BY_TEST.get(node.name, ()), node)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            yield from _called(facts, node, node.node)
        elif (
            isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "loop"
        ):
            yield from _cut(facts.base)
    yield from _given(facts, root, ("Word", "", None))


def _cut(base: Probe | None) -> Iterator[Probe]:
    """Conversations that end with one of the assistant's messages, or begin with it."""
    for at in base.assistant if base else ():
        assert base is not None
        for name, part in (
            (f"up to message {at}", slice(at + 1)),
            (f"from message {at} on", slice(at, None)),
        ):
            yield replace(
                base, name=f"{base.name}, {name}", messages=base.messages[part], turns=base.turns[part]
            )


def _compared(facts: Facts, compare: nodes.Compare) -> Iterator[Probe]:
    for operand in compare.ops:
        for subject, other in ((compare.expr, operand.expr), (operand.expr, compare.expr)):
            values = facts.values(other)
            numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
            if operand.op in ("in", "notin") and subject is operand.expr:
                values = [f"Word {value} more" for value in values if isinstance(value, str)] + [
                    [value] for value in values
                ]
            yield from _given(facts, subject, values)
            for number in numbers[:2]:
                yield from _counted(facts, subject, number)


def _called(facts: Facts, call: nodes.Call, method: nodes.Getattr) -> Iterator[Probe]:
    words = [value for each in call.args for value in facts.values(each) if isinstance(value, str)]
    values: Iterable[Any] = _BY_METHOD.get(method.attr, ())
    if method.attr == "startswith":
        values = [each for word in words for each in (f"{word} more", f"{word}more", word)]
    elif method.attr == "endswith":
        values = [each for word in words for each in (f"More {word}", f"More{word}", word)]
    elif method.attr in ("find", "count", "split", "partition", "index", "rfind", "rsplit"):
        values = [f"one{word}two{word}three{word}four" for word in words]
    yield from _given(facts, method.node, values)


def _counted(facts: Facts, subject: nodes.Expr, number: int) -> Iterator[Probe]:
    """Values whose length, or whose number, is above a number."""
    reads = [subject, *subject.find_all(nodes.Expr)]
    names = {each.name for each in reads if isinstance(each, nodes.Name)}
    if (
        "loop" in names
        or "messages" in names
        or any(isinstance(each, nodes.Getattr) and each.attr.startswith("index") for each in reads)
    ):
        rounds = min(number // 2 + 2, _MOST_ROUNDS)
        yield probe(f"{rounds} rounds", *dialogue(rounds, system=True), say("user", 77))
        yield probe(f"{rounds} rounds without system", *dialogue(rounds))
    counted = [each for each in reads if isinstance(each, nodes.Filter) and each.name in ("length", "count")]
    for each in counted:
        if each.node is None or not 0 <= number <= _MOST_TEXT:
            continue
        long = "so " * (number // 3 + 2)
        yield from _given(facts, each.node, (long, "o" * max(number - 1, 1)))
        if number < 12:
            for path in facts.messages.resolve(each.node):
                yield from _lengthened(path, number + 1)


def _lengthened(path: Path, count: int) -> Iterator[Probe]:
    """Conversations in which a list of a message has more items."""
    for base in _bases(path):
        messages = [
            {**message, path[0]: (message[path[0]] * count)[:count]}
            if path and isinstance(message.get(path[0]), list)
            else message
            for message in base.messages
        ]
        if messages != list(base.messages):
            yield replace(base, name=f"{base.name}, {count} of {path[0]!r}", messages=messages)


def _given(
    facts: Facts, subject: nodes.Node, values: Iterable[Any], test: nodes.Test | None = None
) -> Iterator[Probe]:
    """Conversations in which what an expression reads has each of some values."""
    for node in (subject, *subject.find_all(nodes.Expr)):
        if isinstance(node, nodes.Name) and node.name in facts.variables:
            for value, base in product(values, [*_OPTION_BASES, *([facts.base] if facts.base else [])]):
                yield _with_option(base, node.name, value)
        if not isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem | nodes.Call | nodes.Filter):
            continue
        for path in sorted(facts.messages.resolve(node), key=str):
            for value in values if path else ():
                yield from _with_value(path, value, facts.base)
        for path in sorted(facts.tools.resolve(node), key=str):
            for value in values if path else ():
                yield from _with_tool(path, value)


def _with_option(base: Probe, name: str, value: Any) -> Probe:
    return replace(base, name=f"{base.name}, {name}={_short(value)}", options={**base.options, name: value})


def _with_tool(path: Path, value: Any) -> Iterator[Probe]:
    names = ("tools offered", "tool call with content and reasoning, then the tool")
    for base in (each for each in MATRIX if each.name in names):
        tools = (_put(TOOLS[0], path, value), *TOOLS[1:])
        yield replace(base, name=f"{base.name}, tool {'.'.join(path)}={_short(value)}", tools=tools)


def _with_value(path: Path, value: Any, asked: Probe | None = None) -> Iterator[Probe]:
    if path == ("role",):
        if isinstance(value, str) and value not in _STANDARD:
            message, turn = say("observer", 3)
            said = ({**message, "role": value}, Turn(value, turn.texts))
            yield probe(f"the role {value!r} first", said, *dialogue(2))
            yield probe(f"the role {value!r}", *dialogue(1), said, *dialogue(1, after=7))
        return
    for base in [*_bases(path), *([asked] if asked else [])]:
        for role in ("assistant",) if any(map(of_others, path)) else ("assistant", "user", "tool", "system"):
            messages: list[Message] = []
            turns: list[Turn] = []
            changed = False
            for message, turn in zip(base.messages, base.turns, strict=True):
                if turn.role == role:
                    message = _put(message, path, value)
                    changed = True
                    turn = replace(turn, texts=tuple(text for text in turn.texts if text in repr(message)))
                messages.append(message)
                turns.append(turn)
            if changed:
                name = f"{base.name}, {role} {'.'.join(map(str, path))}={_short(value)}"
                yield replace(base, name=name, messages=messages, turns=tuple(turns))


def _bases(path: Path) -> list[Probe]:
    """The conversations in which a path can be filled."""
    call = "tool call with content and reasoning, then the tool"
    names = ["two turns", "system, three turns", call]
    if path[:1] == ("tool_calls",) or path[:1] == ("tool_call_id",):
        names = ["tool call with content and reasoning, then the tool", "call at the end with content"]
    elif path[:2] == ("content", ITEM):
        names = ["parts without system", "parts with media"]
    elif path[:1] and path[0] in ("reasoning_content", "reasoning", "thinking"):
        names = ["reasoning field, two turns", call]
    known = {each.name: each for each in MATRIX}
    return [known[name] for name in names]


def _put(holder: Any, path: Path, value: Any) -> Any:
    """Return a value with another one at a path; what is missing on the way is made."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if step == ITEM:
        items = holder if isinstance(holder, list) and holder else [{}]
        return [_put(item, rest, value) for item in items]
    if step == VALUE:
        entries = holder if isinstance(holder, dict) and holder else {"note": ""}
        return {key: _put(item, rest, value) for key, item in entries.items()}
    entries = holder if isinstance(holder, dict) else {}
    return {**entries, step: _put(entries.get(step), rest, value)}


def _short(value: Any, most: int = 24) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"
