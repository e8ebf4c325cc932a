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
    return (operand for _, operand in signed_operands(test))


def signed_operands(test: nodes.Expr, negated: bool = False) -> Iterator[tuple[bool, nodes.Expr]]:
    """Yield the conditions that a test is made of, each with whether `not` is before it.

    Args:
        test (`jinja2.nodes.Expr`): The test.
        negated (`bool`): Whether the whole test is negated.
    """
    if isinstance(test, nodes.And | nodes.Or):
        yield from signed_operands(test.left, negated)
        yield from signed_operands(test.right, negated)
    elif isinstance(test, nodes.Not):
        yield from signed_operands(test.node, not negated)
    elif has_span(test):
        yield negated, test


def conjuncts(test: nodes.Node) -> list[nodes.Node]:
    """Return the operands of a chain of `and`; the test alone where it is none.

    Args:
        test (`jinja2.nodes.Node`): The test.
    """
    if isinstance(test, nodes.And):
        return [*conjuncts(test.left), *conjuncts(test.right)]
    return [test]
