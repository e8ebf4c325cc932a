"""What may not stand inside a generation block: it is a closure, and a Python function once compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import cast

from jinja2 import nodes

from templatefix.syntax.lexer import Place
from templatefix.syntax.nodes import branches, is_generation, walk
from templatefix.syntax.parser import has_span, span_of

CLOSURE_NAMES = frozenset({"caller", "varargs", "kwargs"})
"""Names that Jinja defines anew inside a call block, and so inside a generation block."""


def hazard(tree: nodes.Template, body: list[nodes.Node]) -> str:
    """Say why neighbouring statements would not do the same inside a generation block; empty if they would.

    Decides for the worst where it is not sure: a name counts as read after the block if anything behind it in
    the source reads it, but for the other branches of a test that the block stands in, or any macro does.

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
    names_of, path = _names_of(tree), _path(tree, body[0])
    if names := {name for node in body for name in stored(node)} & names_of.read_after(end, _others(path)):
        return f"{sorted(names)[0]!r} is set inside and read behind"
    known, later = _set_before(path, stored), {name for at, name in names_of.assigned if at >= end}
    if names := (names_of.unset(start, end) & later) - known:
        return f"{sorted(names)[0]!r} is read inside before it is set behind"
    if names := {name for node in body for name in stored(node)} & names_of.unset(0, start) - known:
        return f"{sorted(names)[0]!r} is set inside and read before"
    return ""


def _path(tree: nodes.Template, node: nodes.Node) -> list[nodes.Node]:
    """A node's ancestors, outermost first, and itself."""
    return next([*above, each] for each, above in walk(tree) if each is node)


def _set_before(path: list[nodes.Node], sets: Callable[[nodes.Node], set[str]]) -> set[str]:
    """Names that statements before the last one set in its scope or an outer one, loops and macros included."""
    found: set[str] = set()
    for outer, inner in pairwise(path):
        if isinstance(outer, nodes.For):
            found |= {name.name for name in _names(outer.target, "store")}
        if isinstance(outer, nodes.Macro):
            found |= {name.name for each in outer.args for name in _names(each, "param")}
        for branch in branches(outer):
            at = next((at for at, each in enumerate(branch) if each is inner), None)
            found |= {name for each in branch[:at] for name in sets(each)} if at is not None else set()
    return found


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


def surely_stored(node: nodes.Node) -> set[str]:
    """Names that a statement sets whichever of its branches runs."""
    if isinstance(node, nodes.CallBlock) and is_generation(node):
        return {name for each in node.body for name in surely_stored(each)}
    if not isinstance(node, nodes.If):
        return stored(node)
    arms = [node.body, *(arm.body for arm in node.elif_), node.else_]
    return set.intersection(*({name for each in arm for name in surely_stored(each)} for arm in arms))


def jumps(node: nodes.Node) -> bool:
    """Whether a statement leaves or restarts a loop that it does not hold."""
    if isinstance(node, nodes.Break | nodes.Continue):
        return True
    if isinstance(node, nodes.For):
        return any(jumps(each) for each in node.else_)
    return any(jumps(each) for body in branches(node) for each in body)


@dataclass(frozen=True)
class _NamesOf:
    """Where the names of a template stand: those read, with what is above them, those read in macros, those set."""

    read: tuple[tuple[int, str], ...]
    paths: tuple[list[nodes.Node], ...]
    in_macros: frozenset[str]
    assigned: tuple[tuple[int, str], ...]

    def read_after(self, offset: int, but: set[int]) -> set[str]:
        return {name for at, name in self.read if at >= offset and at not in but} | self.in_macros

    def unset(self, start: int, end: int) -> set[str]:
        """Names of which a read in this range may come before any set in its scope or an outer one."""
        found: set[str] = set()
        for (at, name), path in zip(self.read, self.paths, strict=True):
            if start <= at < end and name not in found and name not in _set_before(path, surely_stored):
                found.add(name)
        return found


@lru_cache(maxsize=8)
def _names_of(tree: nodes.Template) -> _NamesOf:
    macros = [
        *tree.find_all(nodes.Macro),
        *(each for each in tree.find_all(nodes.CallBlock) if not is_generation(each)),
    ]
    targets = [
        *(each.target for each in tree.find_all(nodes.Assign)),
        *(each.target for each in tree.find_all(nodes.AssignBlock)),
    ]
    read = [
        (node, above) for node, above in walk(tree) if isinstance(node, nodes.Name) and node.ctx == "load"
    ]
    return _NamesOf(
        tuple((_at(name), name.name) for name, _ in read),
        tuple([*above, name] for name, above in read),
        frozenset(name.name for macro in macros for name in _names(macro, "load")),
        tuple((_at(name), name.name) for target in targets for name in _names(target, "store")),
    )


def _others(path: list[nodes.Node]) -> set[int]:
    """Where names stand in branches that do not run where a statement does: what it sets is not read there."""
    found: set[int] = set()
    for outer, inner in pairwise(path):
        if isinstance(outer, nodes.If):
            arms: list[list[nodes.Node]] = [outer.body, outer.else_]
            arms += [[arm] for arm in outer.elif_]
            others = [each for arm in arms for each in arm if not any(every is inner for every in arm)]
            found |= {_at(name) for each in others for name in _names(each, "load")}
    return found


def _names(node: nodes.Node, context: str) -> list[nodes.Name]:
    found = [node] if isinstance(node, nodes.Name) else []
    return [each for each in (*found, *node.find_all(nodes.Name)) if each.ctx == context]


def _at(name: nodes.Name) -> int:
    return span_of(name).start if has_span(name) else cast("Place", name.lineno).span.start
