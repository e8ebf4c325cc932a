"""Look for conversations that reach outputs which no probe reached, by the tests around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice, product
from typing import Any

from jinja2 import nodes

from templatefix.coverage.observe import Observer
from templatefix.coverage.paths import tests_around
from templatefix.model import Message, Span
from templatefix.probes import (
    MATRIX,
    Probe,
    Turn,
    asked_variables,
    lookups,
    probes_for_condition,
    read_schema,
    values_for,
    with_key,
)
from templatefix.syntax import Source, conditions

Change = Callable[[Probe], Probe]
_TRIES = 400
"""How many probes are tried for one output."""
_ALL_TRIES = 1000
_TRIES_EACH, _CONDITION_TRIES = 40, 600
"""How many probes are tried for one condition, and for all of them."""
_BASES = (
    "two turns",
    "reasoning last",
    "tool call",
    "rich arguments",
    "tool call with content and reasoning, then the tool",
    "call at the end with content",
    "call after call with reasoning",
    "parts without system",
)


def search(observer: Observer, names: Collection[str] = ()) -> list[Probe]:
    """Return probes that reach more than those the observer has seen; it has seen them afterwards.

    Args:
        observer (`Observer`): What the probes have reached so far.
        names (`Collection[str]`): Other names of the assistant, which is no other role.
    """

    def fits(probe: Probe) -> bool:
        return not any(turn.role in names for turn in probe.turns)

    tried: set[str] = set()
    found = [probe for probe in lookups(observer.source) if fits(probe) and observer.see([probe])]
    for output in observer.missing():
        for probe in islice(_for_output(observer, output), _TRIES):
            if probe.name in tried or len(tried) >= _ALL_TRIES:
                continue
            tried.add(probe.name)
            if observer.see([probe]):
                found.append(probe)
    return [*found, *_both_ways(observer, fits)]


def _both_ways(observer: Observer, fits: Callable[[Probe], bool]) -> Iterator[Probe]:
    """Yield probes that give a condition the answer which it had on no other, as far as one is found."""
    known = conditions(observer.source.tree)
    asked: set[Span] = set()
    tries = _CONDITION_TRIES
    for _ in range(3):  # what one probe reaches may hold further conditions
        left = [span for span, answers in observer.answers.items() if len(answers) == 1 and span in known]
        left = [span for span in sorted(left) if span not in asked]
        for span in left:
            asked.add(span)
            for probe in islice(probes_for_condition(observer.source, known[span]), _TRIES_EACH):
                if tries == 0 or len(observer.answers[span]) == 2:
                    break
                tries -= 1
                if fits(probe) and observer.see([probe]):
                    yield probe


def _for_output(observer: Observer, output: nodes.Output) -> Iterator[Probe]:
    """Probes made to meet the tests around an output."""
    source = observer.source
    tests = [test for test, _ in tests_around(output, observer.places[id(output)])]
    atoms = [atom for test in [*tests, output] for atom in [test, *test.find_all(nodes.Expr)]]
    atoms += _behind(source, atoms)  # what is read outright comes first
    names = {atom.name for atom in atoms if isinstance(atom, nodes.Name)}
    words = [
        atom.value
        for atom in atoms
        if isinstance(atom, nodes.Const) and isinstance(atom.value, str) and len(atom.value) > 1
    ]
    bases = [probe for probe in MATRIX if probe.name in _BASES]
    options = [
        {name: value}
        for name in asked_variables(source)
        if name in names
        for value in values_for(source, name)
    ]
    options += [{"enable_thinking": value} for value in (True, False) if "enable_thinking" in names]
    schema = read_schema(source)
    keys = [key for key in schema.children(()) if key != "role" and (key in words or _reads(atoms, key))]
    changes: list[Change] = [_emptied, _blank, _unsaid, _strung]
    changes += [partial(with_key, schema=schema, path=(key,)) for key in keys]
    changes += [partial(with_key, schema=schema, path=(key,), flat=True) for key in keys]
    told: dict[str, list[Any]] = {
        key: [*list(schema.choices.get((key,), ()))[:4], "", [], None] for key in keys
    }
    changes += [partial(_with, key=key, value=value) for key in keys for value in told[key]]
    changes += [partial(_worded, word=word) for word in dict.fromkeys(words)]
    changes.append(_begun)
    # A variable's value alone, then each change alone, before the two go together.
    nothing_more: list[dict[str, Any]] = [{}]
    flagged, changed = product([_same], options, bases), product(changes, nothing_more, bases)
    for change, option, base in (*flagged, *changed, *product(changes, options, bases)):
        probe = change(base)
        more = ", ".join(f"{name}={value!r}" for name, value in option.items())
        if probe.name != base.name or option:
            name = ", ".join(filter(None, [probe.name, more]))
            yield replace(probe, name=name, options={**probe.options, **option})


def _behind(source: Source, atoms: list[nodes.Node]) -> list[nodes.Node]:
    """What the names in some expressions were set to, and the names in that."""
    found: dict[int, nodes.Node] = {}
    assigned = [each for each in source.tree.find_all(nodes.Assign) if isinstance(each.target, nodes.Name)]
    left = atoms
    while left:
        names = {atom.name for atom in left if isinstance(atom, nodes.Name)}
        left = [
            atom
            for each in assigned
            if isinstance(each.target, nodes.Name) and each.target.name in names
            for atom in [each.node, *each.node.find_all(nodes.Expr)]
            if id(atom) not in found
        ]
        found.update((id(atom), atom) for atom in left)
    return [*found.values()]


def _same(base: Probe) -> Probe:
    return base


def _begun(base: Probe) -> Probe:
    """The assistant opens the conversation."""
    if base.turns[1].role != "assistant":
        return base
    name = f"{base.name}, assistant first"
    return replace(base, name=name, messages=base.messages[1:], turns=base.turns[1:])


def _with(base: Probe, key: str, value: Any) -> Probe:
    """The assistant's messages have a key, and nothing in it."""
    messages = [
        {**message, key: value} if message["role"] == "assistant" else message for message in base.messages
    ]
    kept = [
        tuple(text for text in turn.texts if text in json.dumps(message, ensure_ascii=False))
        for message, turn in zip(messages, base.turns, strict=True)
    ]
    turns = tuple(replace(turn, texts=texts) for turn, texts in zip(base.turns, kept, strict=True))
    return replace(base, name=f"{base.name}, {key}={value!r}", messages=messages, turns=turns)


def _reads(atoms: list[nodes.Node], key: str) -> bool:
    return any(isinstance(atom, nodes.Getattr) and atom.attr == key for atom in atoms)


def _said(base: Probe, label: str, content: Callable[[str], str | None]) -> Probe:
    """Give the assistant's messages another content; their own texts in the old one are gone."""
    messages: list[Message] = []
    turns: list[Turn] = []
    for message, turn in zip(base.messages, base.turns, strict=True):
        old = message.get("content")
        if turn.role == "assistant" and isinstance(old, str):
            new = content(old)
            kept = tuple(text for text in turn.texts if text not in old or text in str(new))
            messages.append({**message, "content": new})
            turns.append(Turn(turn.role, kept))
        else:
            messages.append(message)
            turns.append(turn)
    return replace(base, name=f"{base.name}, {label}", messages=messages, turns=tuple(turns))


def _worded(base: Probe, word: str) -> Probe:
    """A word that the template looks for stands within the assistant's content, and at both its ends."""
    return _said(base, f"{word!r} in the content", lambda old: f"{word}Sedge{word} {old}{word}")


def _emptied(base: Probe) -> Probe:
    return _said(base, "emptied", lambda _: "")


def _blank(base: Probe) -> Probe:
    return _said(base, "of whitespace", lambda _: " \n")


def _unsaid(base: Probe) -> Probe:
    return _said(base, "without content", lambda _: None)


def _strung(base: Probe) -> Probe:
    """Calls are texts, not mappings."""
    messages: list[Message] = []
    turns: list[Turn] = []
    for index, (message, turn) in enumerate(zip(base.messages, base.turns, strict=True)):
        texts = [f"bistort(Burnet{index}x{at})" for at in range(2)]
        called = "tool_calls" in message
        kept = tuple(text for text in turn.texts if not called or text not in str(message["tool_calls"]))
        messages.append({**message, "tool_calls": texts} if called else message)
        turns.append(Turn(turn.role, (*kept, *texts)) if called else turn)
    name = f"{base.name}, calls as texts" if messages != list(base.messages) else base.name
    return replace(base, name=name, messages=messages, turns=tuple(turns))
