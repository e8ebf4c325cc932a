"""The conditions of a template: what decides which way it takes."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from templatefix.model import Span
from templatefix.syntax.parser import has_span, span_of


def conditions(tree: nodes.Template) -> dict[Span, nodes.Expr]:
    """Return the conditions of a template by their place: the operands of `and`, `or` and `not` in every test.

    Args:
        tree (`jinja2.nodes.Template`): The template.
    """
    found: dict[Span, nodes.Expr] = {}
    for kind in (nodes.If, nodes.CondExpr, nodes.For):
        for node in tree.find_all(kind):
            test = getattr(node, "test", None)
            for each in operands(test) if test is not None else ():
                found[span_of(each)] = each
    for operator in tree.find_all((nodes.And, nodes.Or)):
        for each in operands(operator.left):
            found[span_of(each)] = each
    return found


def operands(test: nodes.Expr) -> Iterator[nodes.Expr]:
    """Yield the conditions that a test is made of.

    Args:
        test (`jinja2.nodes.Expr`): The test.
    """
    if isinstance(test, nodes.And | nodes.Or):
        yield from operands(test.left)
        yield from operands(test.right)
    elif isinstance(test, nodes.Not):
        yield from operands(test.node)
    elif has_span(test):
        yield test
