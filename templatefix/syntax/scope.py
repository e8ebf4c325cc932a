"""What may not stand inside a generation block: it is a closure, and a Python function once compiled."""

from __future__ import annotations

from typing import cast

from jinja2 import nodes

from templatefix.syntax.lexer import Place
from templatefix.syntax.nodes import branches, is_generation
from templatefix.syntax.parser import has_span, span_of

CLOSURE_NAMES = frozenset({"caller", "varargs", "kwargs"})
"""Names that Jinja defines anew inside a call block, and so inside a generation block."""


def hazard(tree: nodes.Template, body: list[nodes.Node]) -> str:
    """Say why neighbouring statements would not do the same inside a generation block; empty if they would.

    Decides for the worst where it is not sure: a name counts as read after the block if anything behind it in
    the source reads it, or any macro does.

    Args:
        tree (`jinja2.nodes.Template`): The whole template.
        body (`list[jinja2.nodes.Node]`): The statements.
    """
    start, end = span_of(body[0]).start, span_of(body[-1]).end
    loaded = {name.name for node in body for name in _names(node, "load")}
    if any(jumps(node) for node in body):
        return "a loop is left inside"
    if loaded & CLOSURE_NAMES:
        return f"{sorted(loaded & CLOSURE_NAMES)[0]!r} means something else inside"
    if names := {name for node in body for name in stored(node)} & _read_after(tree, end):
        return f"{sorted(names)[0]!r} is set inside and read behind"
    later = {name.name for name in _assigned(tree) if _at(name) >= end}
    known = {name.name for name in tree.find_all(nodes.Name) if _at(name) < start}
    own = {name.name for node in body for name in _names(node, "store")}
    if names := (loaded & later) - known - own:
        return f"{sorted(names)[0]!r} is read inside before it is set behind"
    return ""


def message_of(loop: nodes.For) -> nodes.Expr | None:
    """Return the expression that holds an item in a loop over messages; `None` where it need not in all of the body.

    The loop's own variable, or `items[index]` where the variable counts through `range(0, items | length)`.

    Args:
        loop (`jinja2.nodes.For`): A loop.
    """
    anew = {name for each in loop.body for name in stored(each)}
    if not isinstance(loop.target, nodes.Name) or loop.target.name in anew:
        return None
    counts = loop.iter
    if not (isinstance(counts, nodes.Call) and counts.node == nodes.Name("range", "load")):
        return loop.target if loop.target.ctx == "load" else nodes.Name(loop.target.name, "load")
    stop = counts.args[min(len(counts.args), 2) - 1] if counts.args else None
    if len(counts.args) > 2 or not (isinstance(stop, nodes.Filter) and stop.name in ("length", "count")):
        return None
    if not isinstance(stop.node, nodes.Name) or stop.node.name in anew:
        return None
    first = counts.args[0] if len(counts.args) == 2 else nodes.Const(0)
    if not isinstance(first, nodes.Const) or not isinstance(first.value, int) or first.value < 0:
        return None
    return nodes.Getitem(nodes.Name(stop.node.name, "load"), nodes.Name(loop.target.name, "load"), "load")


def leaks(loop: nodes.For, body: list[nodes.Node]) -> list[str]:
    """Names for which it makes a difference that statements of a loop's body are captured by `{% set x %}`.

    What is set in a capture is not set behind it, and what is set behind it in the same turn hides the name
    from the start of the turn.

    Args:
        loop (`jinja2.nodes.For`): The loop.
        body (`list[jinja2.nodes.Node]`): Neighbouring statements somewhere in its body.
    """
    start, end = span_of(body[0]).start, span_of(body[-1]).end
    inside = {name for node in body for name in stored(node)}
    loaded = {name.name for node in body for name in _names(node, "load")}
    behind = {name.name for name in _names(loop, "load") if _at(name) >= end}
    if any(True for _ in loop.find_all(nodes.Macro)):
        behind |= inside
    known = {name.name for name in _names(loop, "load") if _at(name) < start}
    later = {name.name for name in _names(loop, "store") if _at(name) >= end}
    return sorted((inside & behind) | ((loaded & later) - known))


def stored(node: nodes.Node) -> set[str]:
    """Names that a statement sets for the statements after it in the same scope."""
    if isinstance(node, nodes.CallBlock) and is_generation(node):
        return {name for each in node.body for name in stored(each)}
    if isinstance(node, nodes.For | nodes.CallBlock | nodes.FilterBlock | nodes.With | nodes.Scope):
        return set()
    if isinstance(node, nodes.Macro):
        return {node.name}
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return {each.name for each in _names(node.target, "store")}
    return {name for body in branches(node) for each in body for name in stored(each)}


def jumps(node: nodes.Node) -> bool:
    """Whether a statement leaves or restarts a loop that it does not hold."""
    if isinstance(node, nodes.Break | nodes.Continue):
        return True
    if isinstance(node, nodes.For):
        return any(jumps(each) for each in node.else_)
    return any(jumps(each) for body in branches(node) for each in body)


def _read_after(tree: nodes.Template, offset: int) -> set[str]:
    after = {name.name for name in _names(tree, "load") if _at(name) >= offset}
    macros = [
        *tree.find_all(nodes.Macro),
        *(each for each in tree.find_all(nodes.CallBlock) if not is_generation(each)),
    ]
    return after | {name.name for macro in macros for name in _names(macro, "load")}


def _assigned(tree: nodes.Template) -> list[nodes.Name]:
    targets = [
        *(each.target for each in tree.find_all(nodes.Assign)),
        *(each.target for each in tree.find_all(nodes.AssignBlock)),
    ]
    return [name for target in targets for name in _names(target, "store")]


def _names(node: nodes.Node, context: str) -> list[nodes.Name]:
    found = [node] if isinstance(node, nodes.Name) else []
    return [each for each in (*found, *node.find_all(nodes.Name)) if each.ctx == context]


def _at(name: nodes.Name) -> int:
    return span_of(name).start if has_span(name) else cast("Place", name.lineno).span.start
