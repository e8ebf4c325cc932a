"""What may not stand inside a generation block: it is a closure, and a Python function once compiled."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from jinja2 import nodes

from templatefix.syntax.lexer import Place
from templatefix.syntax.nodes import branches, is_generation, remembered, walk
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
    names = _names_of(tree)
    if any(jumps(node) for node in body):
        return "a loop is left inside"
    if closures := names.closures(start, end):
        return f"{min(closures)!r} means something else inside"
    inside = {name for node in body for name in stored(node)}
    bare = names.unset(start, end)
    if not inside and not bare:
        return ""
    path = _path(tree, body[0])
    if found := inside & names.read_after(end, path):
        return f"{min(found)!r} is set inside and read behind"
    known = _set_before(path, stored)
    if found := (bare & names.assigned_after(end)) - known:
        return f"{min(found)!r} is read inside before it is set behind"
    if found := (inside & names.unset(0, start)) - known:
        return f"{min(found)!r} is set inside and read before"
    return ""


def _path(tree: nodes.Template, node: nodes.Node) -> list[nodes.Node]:
    """A node's ancestors, outermost first, and itself."""
    return next([*above, each] for each, above in walk(tree) if each is node)


def _set_before(path: list[nodes.Node], sets: Callable[[nodes.Node], frozenset[str]]) -> set[str]:
    """Names that statements before the last one set in its scope or an outer one, loops and macros included."""
    found: set[str] = set()
    for outer, inner in pairwise(path):
        found |= _defined(outer)
        for branch in branches(outer):
            at = next((at for at, each in enumerate(branch) if each is inner), None)
            found |= {name for each in branch[:at] for name in sets(each)} if at is not None else set()
    return found


def _defined(node: nodes.Node) -> set[str]:
    """Names that a loop or a macro sets for its own body."""
    if isinstance(node, nodes.For):
        return {name.name for name in _names(node.target, "store")}
    if isinstance(node, nodes.Macro):
        return {name.name for each in node.args for name in _names(each, "param")}
    return set()


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


@remembered
def stored(node: nodes.Node) -> frozenset[str]:
    """Names that a statement sets for the statements after it in the same scope."""
    return frozenset(_stored(node))


def _stored(node: nodes.Node) -> set[str]:
    if isinstance(node, nodes.CallBlock) and is_generation(node):
        return {name for each in node.body for name in stored(each)}
    if isinstance(node, nodes.For | nodes.CallBlock | nodes.FilterBlock | nodes.With | nodes.Scope):
        return set()
    if isinstance(node, nodes.Macro):
        return {node.name}
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return {each.name for each in _names(node.target, "store")}
    return {name for body in branches(node) for each in body for name in stored(each)}


@remembered
def surely_stored(node: nodes.Node) -> frozenset[str]:
    """Names that a statement sets whichever of its branches runs."""
    return frozenset(_surely_stored(node))


def _surely_stored(node: nodes.Node) -> set[str]:
    if isinstance(node, nodes.CallBlock) and is_generation(node):
        return {name for each in node.body for name in surely_stored(each)}
    if not isinstance(node, nodes.If):
        return _stored(node)
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
    """Where the names of a template stand, in source order.

    Args:
        read (`list[tuple[int, str]]`): Names that are read, with their offsets.
        bare (`list[tuple[int, str]]`): Those of them that may be read before anything in scope sets them.
        closure (`list[tuple[int, str]]`): Those of them that mean something else inside a block.
        in_macros (`list[tuple[int, str]]`): Names that macros read.
        parameters (`list[tuple[int, int]]`): Those of them that a macro has as parameters: its identity, and where.
        assigned (`list[tuple[int, str]]`): Names that are set.
    """

    read: list[tuple[int, str]]
    bare: list[tuple[int, str]]
    closure: list[tuple[int, str]]
    in_macros: list[tuple[int, str]]
    parameters: list[tuple[int, int]]
    assigned: list[tuple[int, str]]

    def read_after(self, offset: int, path: list[nodes.Node]) -> set[str]:
        """Names that are read behind an offset or in any macro, once what is at the end of a path has set them."""
        around = set(map(id, path))
        passed = {at for macro, at in self.parameters if macro not in around}
        behind = {name for at, name in _from(self.read, offset) if at not in passed | _others(path)}
        return behind | {name for at, name in self.in_macros if at not in passed}

    def assigned_after(self, offset: int) -> set[str]:
        """Names that are set behind an offset."""
        return {name for _, name in _from(self.assigned, offset)}

    def unset(self, start: int, end: int) -> set[str]:
        """Names of which a read in this range may come before any set in its scope or an outer one."""
        return {name for _, name in _from(self.bare, start, end)}

    def closures(self, start: int, end: int) -> set[str]:
        """Names in this range that mean something else inside a block."""
        return {name for _, name in _from(self.closure, start, end)}


def _from(names: list[tuple[int, str]], start: int, end: int | None = None) -> list[tuple[int, str]]:
    stop = len(names) if end is None else bisect_left(names, (end, ""))
    return names[bisect_left(names, (start, "")) : stop]


@remembered
def _names_of(tree: nodes.Template) -> _NamesOf:
    macros: list[nodes.Macro | nodes.CallBlock] = [
        *tree.find_all(nodes.Macro),
        *(each for each in tree.find_all(nodes.CallBlock) if not is_generation(each)),
    ]
    targets = [
        *(each.target for each in tree.find_all(nodes.Assign)),
        *(each.target for each in tree.find_all(nodes.AssignBlock)),
    ]
    read = sorted((_at(name), name.name, name.name in known) for name, known in _reads(tree))
    return _NamesOf(
        [(at, name) for at, name, _ in read],
        [(at, name) for at, name, known in read if not known],
        [(at, name) for at, name, _ in read if name in CLOSURE_NAMES],
        [(_at(name), name.name) for macro in macros for name in _names(macro, "load")],
        [
            (id(macro), _at(name))
            for macro in macros
            for each in macro.body
            for name in _names(each, "load")
            if name.name in {parameter.name for parameter in macro.args}
        ],
        sorted((_at(name), name.name) for target in targets for name in _names(target, "store")),
    )


def _reads(tree: nodes.Template) -> Iterator[tuple[nodes.Name, frozenset[str]]]:
    """Yield each name that is read, with the names that are surely set before it in its scope or an outer one."""
    stack: list[tuple[nodes.Node, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        node, known = stack.pop()
        if isinstance(node, nodes.Name) and node.ctx == "load":
            yield node, known
        known |= _defined(node)
        seen = set()
        arms = (
            [node.body, node.else_] if isinstance(node, nodes.If) else branches(node)
        )  # an `elif` has its own
        for body in arms:
            before = known
            for each in body:
                seen.add(id(each))
                stack.append((each, before))
                before = _with(before, surely_stored(each))
        stack += [(each, known) for each in node.iter_child_nodes() if id(each) not in seen]


def _with(names: frozenset[str], more: frozenset[str]) -> frozenset[str]:
    return names if more <= names else names | more


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
