"""Chains of `+` and `~`: their operands, and where a literal among them can be cut."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeGuard

from jinja2 import nodes

from templatefix.model import Span
from templatefix.syntax.markup import may_be_markup
from templatefix.syntax.parser import span_of


def atoms(expression: nodes.Expr, text: str, markup: frozenset[str] | None) -> list[nodes.Expr]:
    """Return the operands of a chain of `+` and `~`, in order; `[expression]` if it is none.

    A parenthesised operand stays whole. A chain of `+` without any string literal stays whole too, because
    it may add numbers; so does one with an operand that may be `Markup`, which escapes the others.

    Args:
        expression (`jinja2.nodes.Expr`): A stamped expression.
        text (`str`): The source it was parsed from.
        markup (`frozenset[str]`, *optional*): What `markup_names` says of the template.
    """
    if may_be_markup(expression, markup):
        return [expression]
    found = _flatten(expression, text, outermost=True)
    between = {operator_between(left, right, text) for left, right in pairwise(found)}
    if not between <= {"+", "~"}:
        return [expression]
    return found if "+" not in between or any(is_literal(atom) for atom in found) else [expression]


def _flatten(node: nodes.Expr, text: str, *, outermost: bool = False) -> list[nodes.Expr]:
    if not outermost and span_of(node).of(text).startswith("(") and _wrapped(node):
        return [node]
    if isinstance(node, nodes.Add):
        return [*_flatten(node.left, text), *_flatten(node.right, text)]
    if isinstance(node, nodes.Concat):
        return [atom for part in node.nodes for atom in _flatten(part, text)]
    return [node]


def _wrapped(node: nodes.Expr) -> bool:
    # An operator whose span starts before its first operand's is in parentheses itself.
    first = (
        node.left
        if isinstance(node, nodes.Add)
        else node.nodes[0]
        if isinstance(node, nodes.Concat)
        else None
    )
    return first is not None and span_of(node).start < span_of(first).start


def operator_between(left: nodes.Expr, right: nodes.Expr, text: str) -> str:
    """Return what stands between two neighbouring operands, stripped."""
    return text[span_of(left).end : span_of(right).start].strip()


def operators(found: list[nodes.Expr], text: str) -> list[str]:
    """Say of each operand of a chain whether rendering fails unless it is a string: `string` if so, else `any`.

    `+` next to a string raises for anything else; `~` binds tighter and converts. What cannot be anything but a string
    is `any` too.

    Args:
        found (`list[jinja2.nodes.Expr]`): The operands, as `atoms` returns them.
        text (`str`): The source.
    """
    between = [operator_between(one, other, text) for one, other in pairwise(found)]
    beside = zip(["", *between], [*between, ""], strict=True)
    return [
        "string" if "+" in pair and "~" not in pair and not surely_text(atom) else "any"
        for atom, pair in zip(found, beside, strict=True)
    ]


_TEXT_FILTERS = frozenset(
    ("format", "indent", "join", "lower", "replace", "string", "tojson", "trim", "upper")
)
_TEXT_METHODS = frozenset(
    ("format", "join", "lower", "lstrip", "replace", "rstrip", "strip", "title", "upper")
)
"""Methods that strings alone have, of all that JSON can hold, and that give a string."""
_CUTTING_METHODS = frozenset(("partition", "rpartition", "rsplit", "split"))
"""Methods that strings alone have, and that give a list whose first and last items are strings."""


def surely_text(node: nodes.Expr) -> bool:
    """Whether an expression is a string wherever it can be read without an error."""
    if isinstance(node, nodes.Concat) or is_literal(node):
        return True
    if isinstance(node, nodes.Filter):
        return node.name in _TEXT_FILTERS
    if isinstance(node, nodes.CondExpr):
        return node.expr2 is not None and surely_text(node.expr1) and surely_text(node.expr2)
    if isinstance(node, nodes.Getitem):
        cuts = _calls(node.node, _CUTTING_METHODS) and bool(node.node.args) and is_literal(node.node.args[0])
        return cuts and node.arg in (nodes.Const(0), nodes.Neg(nodes.Const(1)))
    return _calls(node, _TEXT_METHODS)


def _calls(node: nodes.Expr, methods: frozenset[str]) -> TypeGuard[nodes.Call]:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr in methods


def is_literal(node: nodes.Expr) -> bool:
    """Whether `node` is a string literal."""
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def cut(literal: Span, text: str, offset: int) -> int | None:
    """Return the source offset at which a string literal is to be cut.

    Args:
        literal (`Span`): The span of the literal, quotes included.
        text (`str`): The source.
        offset (`int`): How many characters of the literal's *value* stand before the cut.

    Returns:
        `int` or `None`: An offset within the quotes; `None` if the literal cannot be cut there, because it
        is made of several strings or stands in parentheses.
    """
    raw = literal.of(text)
    quote = raw[0]
    body = raw[1:-1]
    if quote not in "\"'" or raw[-1] != quote or _unescaped(quote, body):
        return None
    index = value = 0
    while index < len(body) and value < offset:
        begin, index = index, index + _escape_length(body, index)
        value += len(decode(body[begin:index]))  # an escape that Python does not know stays as it is written
    return (
        literal.start + 1 + index
        if value == offset and decode(body[:index]) + decode(body[index:]) == decode(body)
        else None
    )


def _unescaped(quote: str, body: str) -> bool:
    index = 0
    while index < len(body):
        if body[index] == quote:
            return True
        index += 2 if body[index] == "\\" else 1
    return False


def _escape_length(body: str, index: int) -> int:
    if body[index] != "\\":
        return 1
    kind = body[index + 1 : index + 2]
    if kind in ("x", "u", "U"):
        return {"x": 4, "u": 6, "U": 10}[kind]
    if kind == "N":
        return body.index("}", index) + 1 - index
    length = 1
    while length < 4 and body[index + length : index + length + 1] in tuple("01234567"):
        length += 1
    return max(length, 2)


def decode(body: str) -> str:
    """Decode a literal's body the way `jinja2.lexer.Lexer.wrap` does."""
    return body.encode("ascii", "backslashreplace").decode("unicode-escape")
