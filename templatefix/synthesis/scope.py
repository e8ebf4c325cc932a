"""What may not stand inside a generation block: it is a closure, and a Python function once compiled."""

from __future__ import annotations

from jinja2 import nodes

from templatefix.syntax import Source, branches, span_of
from templatefix.syntax.parser import has_span


def stored(node: nodes.Node) -> set[str]:
    """Names that a statement sets for the statements after it in the same scope."""
    if isinstance(node, nodes.For | nodes.CallBlock | nodes.FilterBlock | nodes.With | nodes.Scope):
        return set()
    if isinstance(node, nodes.Macro):
        return {node.name}
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return {each.name for each in _targets(node.target)}
    return {name for body in branches(node) for each in body for name in stored(each)}


def _targets(target: nodes.Expr) -> list[nodes.Name]:
    names = [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
    return [each for each in names if each.ctx == "store"]


def read_after(source: Source, offset: int) -> set[str]:
    """Names that anything after `offset` reads."""
    return {
        name.name
        for name in source.tree.find_all(nodes.Name)
        if name.ctx == "load" and has_span(name) and span_of(name).start >= offset
    }


def jumps(node: nodes.Node) -> bool:
    """Whether a statement leaves or restarts a loop that it does not hold."""
    if isinstance(node, nodes.Break | nodes.Continue):
        return True
    if isinstance(node, nodes.For):
        return any(jumps(each) for each in node.else_)
    return any(jumps(each) for body in branches(node) for each in body)
