"""Edits that rename the keys a template reads and the names it sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from jinja2 import meta, nodes

from templatefix.model import Edit, Span
from templatefix.syntax import Source, parse_unshared, span_of
from tests.disguise.words import Words

_WORDS = """
role content tool_calls tool_call_id function name arguments id type text reasoning_content reasoning thinking tools
documents title doc_id image video audio image_url video_url audio_url input_audio url path input_text output_text
parameters description properties required items enum default nullable format additionalProperties anyOf oneOf allOf
const minimum maximum minItems maxItems pattern return response output result message messages value key call_id
tool_responses tool_results refusal
"""
STANDARD = frozenset(_WORDS.split())
_METHODS = frozenset(dir(dict)) | frozenset(dir(list)) | frozenset(dir(str))
_BY_KEY = frozenset({"selectattr", "rejectattr", "map", "groupby", "sort", "sum", "unique"})
_INPUT = """
messages tools documents add_generation_prompt enable_thinking bos_token eos_token pad_token unk_token
loop caller varargs kwargs self super true false none True False None namespace range dict
"""
_RESERVED = frozenset(_INPUT.split())


def renamed_keys(source: Source, words: Words) -> tuple[list[Edit], dict[str, str]]:
    """Return edits that rename keys, and old key to new key.

    A key stays if it is also a string of its own, for the template may compare or print it.
    """
    places = list(_key_places(source))
    namespaces = _namespaces(source)
    spans = {place for _, place in places}
    other = Counter(
        lexeme.text[1:-1]
        for lexeme in source.lexemes
        if lexeme.kind == "string"
        and not any(place.start <= lexeme.span.start < place.end for place in spans)
    )
    attributes = {key for key, _ in _attributes(source, namespaces)}
    chosen = dict.fromkeys(
        key
        for key, _ in places
        if key.isidentifier() and key not in STANDARD | _METHODS | attributes and not other[key]
    )
    new = {key: words.word() for key in chosen}
    edits = {place: Edit(_within(source, place), new[key]) for key, place in places if key in new}
    return list(edits.values()), new


def _within(source: Source, place: Span) -> Span:
    """Return the span of a key without quotes around it."""
    quoted = source.text[place.start] in "'\""
    return Span(place.start + 1, place.end - 1) if quoted else place


def _key_places(source: Source) -> Iterator[tuple[str, Span]]:
    """Yield keys that are read, and where each of them stands."""
    tree = source.tree
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    own = {*_namespaces(source), "loop"}
    for read in tree.find_all(nodes.Getattr):
        if id(read) not in called and not (isinstance(read.node, nodes.Name) and read.node.name in own):
            yield read.attr, _attribute(source, read)
    for item in tree.find_all(nodes.Getitem):
        yield from _constant(source, item.arg)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in ("get", "pop") and call.args:
            yield from _constant(source, call.args[0])
    for compare in tree.find_all(nodes.Compare):
        if len(compare.ops) == 1 and compare.ops[0].op in ("in", "notin"):
            holder = compare.ops[0].expr
            if isinstance(holder, nodes.Name | nodes.Getattr | nodes.Getitem):
                yield from _constant(source, compare.expr)
    for use in tree.find_all(nodes.Filter):
        if use.name in _BY_KEY:
            for argument in [*use.args[:1], *(each.value for each in use.kwargs if each.key == "attribute")]:
                yield from _constant(source, argument)


def _constant(source: Source, node: nodes.Node | None) -> Iterator[tuple[str, Span]]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        span = span_of(node)
        if span.of(source.text)[1:-1] == node.value:
            yield node.value, span


def _attribute(source: Source, read: nodes.Getattr) -> Span:
    """Return the span of the name after the dot."""
    behind = span_of(read.node).end
    found = next(lexeme for lexeme in source.lexemes if lexeme.kind == "name" and lexeme.span.start >= behind)
    return found.span


def _namespaces(source: Source) -> set[str]:
    """Return the names that are set to namespaces."""
    return {
        assignment.target.name
        for assignment in source.tree.find_all(nodes.Assign)
        if isinstance(assignment.target, nodes.Name) and _makes_namespace(assignment.node)
    }


def _makes_namespace(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "namespace"
    )


def _attributes(source: Source, namespaces: set[str]) -> Iterator[tuple[str, Span]]:
    """Yield the attributes of namespaces, and where each of them stands."""
    visible = [lexeme for lexeme in source.lexemes if lexeme.kind != "whitespace"]
    for first, dot, attribute in zip(visible, visible[1:], visible[2:], strict=False):
        if first.kind == "name" and first.text in namespaces and dot.text == "." and attribute.kind == "name":
            yield attribute.text, attribute.span
    calls = [span_of(call) for call in source.tree.find_all(nodes.Call) if _makes_namespace(call)]
    for name, equals in pairwise(visible):
        inside = any(call.start <= name.span.start < call.end for call in calls)
        if inside and name.kind == "name" and equals.text == "=":
            yield name.text, name.span


def renamed_names(source: Source, words: Words) -> list[Edit]:
    """Return edits that rename what a template sets, unless it may also come from outside."""
    visible = [lexeme for lexeme in source.lexemes if lexeme.kind != "whitespace"]
    attributes = list(_attributes(source, _namespaces(source)))
    macros = {macro.name for macro in source.tree.find_all(nodes.Macro)}
    stored = {name.name for name in source.tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    chosen = sorted((stored | macros) - _RESERVED - _from_outside(source) - _keywords(source, macros))
    new = {name: words.word() for name in chosen}
    edits: dict[Span, Edit] = {}
    for before, lexeme in zip([None, *visible], visible, strict=False):
        variable = before is None or before.text not in (".", "|", "is")
        if variable and lexeme.kind == "name" and lexeme.text in new:
            edits[lexeme.span] = Edit(lexeme.span, new[lexeme.text])
    fresh = {name: words.word() for name in sorted({name for name, _ in attributes})}
    edits |= {span: Edit(span, fresh[name]) for name, span in attributes}
    return list(edits.values())


def _from_outside(source: Source) -> set[str]:
    """Return names that a template sets only where nobody passes them, as far as its tests tell."""
    undeclared: set[str] = meta.find_undeclared_variables(parse_unshared(source.text).tree)
    asked: list[nodes.Node | None] = [
        test.node for test in source.tree.find_all(nodes.Test) if test.name in ("defined", "undefined")
    ]
    asked += [use.node for use in source.tree.find_all(nodes.Filter) if use.name in ("default", "d")]
    return {node.name for node in asked if isinstance(node, nodes.Name)} & undeclared


def _keywords(source: Source, macros: set[str]) -> set[str]:
    """Return the names of keyword arguments, but for those of the template's own macros."""
    calls: list[list[Any]] = [use.kwargs for use in source.tree.find_all(nodes.Filter)]
    calls += [
        call.kwargs
        for call in source.tree.find_all(nodes.Call)
        if not (isinstance(call.node, nodes.Name) and call.node.name in macros)
    ]
    return {argument.key for arguments in calls for argument in arguments}
