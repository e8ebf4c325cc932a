"""When two chat templates are the same program, markers aside."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes

from templatefix.syntax.chain import atoms, is_literal, operators
from templatefix.syntax.located import Source
from templatefix.syntax.nodes import is_generation

Normal = tuple[Any, ...]


def same_without_markers(one: Source, other: Source) -> bool:
    """Whether two templates print the same text for every input, markers aside.

    True if their trees are equal after generation blocks are replaced by their bodies, outputs are taken apart
    into the operands of their chains, neighbouring texts are joined, and a branch whose arms are all equal is
    replaced by the arm. An operand of `+` next to a string must be a string, or rendering fails; so an operand
    that must be one is never equal to one that need not.

    This says nothing of names that a generation block hides from what follows it; rule GEN004 does.

    Args:
        one (`Source`): A parsed template.
        other (`Source`): Another.
    """
    return _body(one.tree.body, one.text) == _body(other.tree.body, other.text)


def _body(body: list[nodes.Node], text: str) -> Normal:
    parts: list[Any] = []
    for node in body:
        for part in _statement(node, text):
            if part == ("text", ""):
                continue
            if parts and part[0] == parts[-1][0] == "text":
                parts[-1] = ("text", parts[-1][1] + part[1])
            else:
                parts.append(part)
    return tuple(parts)


def _statement(node: nodes.Node, text: str) -> list[Any]:
    if is_generation(node) and isinstance(node, nodes.CallBlock):
        return list(_body(node.body, text))
    if isinstance(node, nodes.Output):
        return [part for expression in node.nodes for part in _output(expression, text)]
    if isinstance(node, nodes.If):
        arms = [_body(arm, text) for arm in (node.body, *(each.body for each in node.elif_), node.else_)]
        if all(arm == arms[0] for arm in arms):
            return list(arms[0])
    return [_fields(node, text)]


def _output(expression: nodes.Expr, text: str) -> list[Any]:
    if isinstance(expression, nodes.TemplateData):
        return [("text", expression.data)]
    found = atoms(expression, text)
    if len(found) == 1:
        only = found[0]
        return (
            [("text", only.value)] if is_literal(only) and isinstance(only, nodes.Const) else [("any", only)]
        )
    strict = operators(found, text)
    return [
        ("text", atom.value) if is_literal(atom) and isinstance(atom, nodes.Const) else (must, atom)
        for atom, must in zip(found, strict, strict=True)
    ]


def _fields(node: nodes.Node, text: str) -> Normal:
    values: list[Any] = [type(node).__name__]
    for name, value in node.iter_fields():
        if isinstance(value, list) and value and all(isinstance(each, nodes.Stmt) for each in value):
            if name == "elif_":
                values.append((name, tuple(_fields(each, text) for each in value)))
            else:
                values.append((name, _body(value, text)))
        else:
            values.append((name, tuple(value) if isinstance(value, list) else value))
    return tuple(values)
