"""What flows into an output: the reads whose texts it may print, through names, namespaces, macros and filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from jinja2 import nodes

from templatefix.coverage.paths import loop_targets, tests_around
from templatefix.coverage.reach import possible
from templatefix.syntax import branches, is_generation, walk
from templatefix.syntax.scope import stored, surely_stored

Above = tuple[nodes.Node, ...]
Test = tuple[nodes.Expr, bool]

_COUNTING = frozenset(("count", "length", "sum", "round", "int", "float", "abs", "wordcount"))
"""Filters that print a number."""
_ARGUMENTS = frozenset(("default", "d", "replace", "join", "format"))
"""Filters that print what they are given besides."""
_ASKING = frozenset(("startswith", "endswith", "find", "rfind", "index", "count", "append", "isdigit"))
"""Methods that print no text."""


@dataclass(frozen=True)
class Read:
    """A text that an output may print and that is no literal.

    Args:
        node (`jinja2.nodes.Expr`): What is read, such as `loop.previtem.content`.
        root (`str`): `own` for the message that the loop is at, `other` for another message, else a variable's name.
        keys (`tuple[str, ...]`): The constant keys that lead to it.
        tests (`tuple`): The tests on the way, innermost of each statement, and what each must be.
    """

    node: nodes.Expr
    root: str
    keys: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()


@dataclass(frozen=True)
class _Way:
    """How a read was come to: the names passed, and the calls of macros, each with the way to it."""

    names: frozenset[object] = frozenset()
    calls: tuple[tuple[nodes.Macro, nodes.Call, _Way], ...] = ()

    def through(self, name: object) -> _Way:
        return replace(self, names=self.names | {name})

    def into(self, macro: nodes.Macro, call: nodes.Call) -> _Way:
        return _Way(self.names, (*self.calls, (macro, call, self)))

    def call_of(self, macro: nodes.Macro) -> tuple[nodes.Call | None, _Way]:
        return next(((call, way) for each, call, way in reversed(self.calls) if each is macro), (None, self))


@dataclass
class Flows:
    """The flow of texts in one template.

    Args:
        tree (`jinja2.nodes.Template`): The template.
    """

    tree: nodes.Template

    def of(self, output: nodes.Output) -> list[Read]:
        """Return what an output may print."""
        above = self._above[id(output)]
        found = dict.fromkeys(
            read
            for each in output.nodes
            if isinstance(each, nodes.Expr)
            for read in self._reads(each, (*above, output), _Way())
        )
        last = _innermost(output, above)
        return [replace(read, tests=(*last, *read.tests)) for read in found]

    @cached_property
    def _above(self) -> dict[int, Above]:
        return {id(node): above for node, above in walk(self.tree)}

    @cached_property
    def _assigned(self) -> dict[str, list[nodes.Node]]:
        found: dict[str, list[nodes.Node]] = {}
        for each in self.tree.find_all((nodes.Assign, nodes.AssignBlock)):
            for target in [each.target] if not isinstance(each.target, nodes.Tuple) else each.target.items:
                if isinstance(target, nodes.NSRef):
                    found.setdefault(f"{target.name}.{target.attr}", []).append(each)
                elif isinstance(target, nodes.Name):
                    found.setdefault(target.name, []).append(each)
        return found

    @cached_property
    def _macros(self) -> dict[str, nodes.Macro]:
        return {macro.name: macro for macro in self.tree.find_all(nodes.Macro)}

    @cached_property
    def _calls(self) -> dict[str, list[nodes.Call]]:
        found: dict[str, list[nodes.Call]] = {}
        for call in self.tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name):
                found.setdefault(call.node.name, []).append(call)
        return found

    def _reads(self, node: nodes.Node | None, above: Above, seen: _Way) -> Iterator[Read]:
        match node:
            case None | nodes.Const() | nodes.TemplateData() | nodes.Compare() | nodes.Test() | nodes.Not():
                return
            case nodes.Name():
                yield from self._named(node, above, seen)
            case nodes.CondExpr():
                yield from _under(node.test, True, self._reads(node.expr1, above, seen))
                yield from _under(node.test, False, self._reads(node.expr2, above, seen))
            case nodes.And():
                yield from _under(node.left, True, self._reads(node.right, above, seen))
            case nodes.Or():
                yield from self._reads(node.left, above, seen)
                yield from _under(node.left, False, self._reads(node.right, above, seen))
            case nodes.Getattr() | nodes.Getitem():
                yield from self._item(node, above, seen)
            case nodes.Filter():
                if node.name in _COUNTING:
                    return
                yield from self._reads(node.node, above, seen)
                if node.name in _ARGUMENTS:
                    for each in (*node.args, *node.kwargs):
                        yield from self._reads(each, above, seen)
            case nodes.Call():
                yield from self._called(node, above, seen)
            case _:
                for child in node.iter_child_nodes():
                    yield from self._reads(child, above, seen)

    def _item(self, node: nodes.Getattr | nodes.Getitem, above: Above, seen: _Way) -> Iterator[Read]:
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        holder = node.node
        if isinstance(holder, nodes.Name) and holder.name == "loop" and isinstance(key, str):
            if key in ("previtem", "nextitem"):
                inner = next((each for each in reversed(above) if isinstance(each, nodes.For)), None)
                if inner is not None:
                    whose = self._is_own(inner, above)
                    outer = above[: above.index(inner) + 1]
                    for read in self._reads(inner.iter, outer, seen):
                        yield replace(read, node=node, root="other" if whose and read.root == "messages" else read.root)
            return
        if isinstance(holder, nodes.Name) and isinstance(key, str) and f"{holder.name}.{key}" in self._assigned:
            yield from self._set(holder, key, above, seen)
            return
        for read in self._reads(holder, above, seen):
            if read.root == "messages" and not isinstance(key, str):
                index = node.arg if isinstance(node, nodes.Getitem) else None
                if isinstance(index, nodes.Slice):
                    yield read
                else:
                    yield replace(read, node=node, root="own" if self._counts(index, above) else "other")
            else:
                yield replace(read, node=node, keys=(*read.keys, key) if isinstance(key, str) else read.keys)

    def _counts(self, index: nodes.Node | None, above: Above) -> bool:
        """Whether an index is that of the message that the loop is at."""
        if isinstance(index, nodes.Getattr) and index.attr == "index0":
            return index.node == nodes.Name("loop", "load")
        return isinstance(index, nodes.Name) and index.name in loop_targets(above[:])

    def _set(self, holder: nodes.Name, key: str, above: Above, seen: _Way) -> Iterator[Read]:
        """What a namespace's attribute was set to: for the message at hand, or for one before it."""
        name = f"{holder.name}.{key}"
        if name in seen.names:
            return
        seen = seen.through(name)
        made, _ = self._visible(holder, above)
        fresh = bool(made) and all(self._is_made_anew(self._above[id(each)]) for each in made)
        for each in self._assigned[name]:
            over = self._above[id(each)]
            mine = fresh or not any(possible(each, over, role) for role in ("user", "system", "tool", "observer"))
            for read in _under_all(_innermost(each, over), self._value(each, over, seen)):
                yield read if mine or read.root != "own" else replace(read, root="other")
        for each in made:
            if isinstance(each, nodes.Assign) and isinstance(each.node, nodes.Call):
                for given in each.node.kwargs:
                    if given.key == key:
                        yield from self._reads(given.value, (*self._above[id(each)], each), seen)

    def _is_made_anew(self, above: Above) -> bool:
        """Whether what a statement makes is made for each message, or for each call of a macro."""
        return any(
            isinstance(each, nodes.Macro) or (isinstance(each, nodes.For) and self._is_own(each, above)) for each in above
        )

    def _value(self, each: nodes.Node, over: Above, seen: _Way) -> Iterator[Read]:
        if isinstance(each, nodes.Assign):
            yield from self._reads(each.node, (*over, each), seen)
            return
        yield from self._body(each, seen)

    def _body(self, holder: nodes.Node, seen: _Way) -> Iterator[Read]:
        for output in holder.find_all(nodes.Output):
            above = self._above[id(output)]
            for each in output.nodes:
                yield from _under_all(_innermost(output, above), self._reads(each, (*above, output), seen))

    def _named(self, node: nodes.Name, above: Above, seen: _Way) -> Iterator[Read]:
        name = node.name
        if id(node) in seen.names:
            return
        seen = seen.through(id(node))
        for at, each in reversed([*enumerate(above)]):
            if isinstance(each, nodes.For) and not _holds(each.iter, node) and any(
                target.name == name for target in (each.target, *each.target.find_all(nodes.Name)) if isinstance(target, nodes.Name)
            ):
                if self._own_loop(each, above[:at]):
                    yield Read(node, "own")
                    return
                for read in self._reads(each.iter, above[: at + 1], seen):
                    yield replace(read, node=node, root="other" if read.root == "messages" else read.root)
                return
            if isinstance(each, nodes.Macro) and any(parameter.name == name for parameter in each.args):
                yield from self._given(each, name, seen)
                return
        assigned, sure = self._visible(node, above)
        for each in assigned:
            if id(each) in seen.names:
                continue
            over = self._above[id(each)]
            yield from _under_all(_innermost(each, over), self._value(each, over, seen.through(id(each))))
        if sure or assigned:
            return
        if name in ("loop", "namespace"):
            return
        yield Read(node, name)

    def _is_own(self, loop: nodes.For, above: Above) -> bool:
        at = next(at for at, each in enumerate(above) if each is loop)
        return self._own_loop(loop, above[:at])

    def _own_loop(self, loop: nodes.For, above: Above) -> bool:
        """Whether a loop goes through the messages, and not within such a loop."""
        if any(isinstance(each, nodes.For) and self._own_loop(each, above[:at]) for at, each in enumerate(above)):
            return False
        return self._through_messages(loop)

    def _through_messages(self, loop: nodes.For) -> bool:
        known = loop.__dict__.setdefault("flows.messages", None)
        if known is None:
            loop.__dict__["flows.messages"] = False
            given = loop.iter
            above = (*self._above[id(loop)], loop)
            known = any(read.root == "messages" for read in self._reads(given, above, _Way()))
            if not known and isinstance(given, nodes.Call) and given.node == nodes.Name("range", "load"):
                known = "messages" in {name.name for name in given.find_all(nodes.Name)}
            loop.__dict__["flows.messages"] = known
        return bool(known)

    def _given(self, macro: nodes.Macro, name: str, seen: _Way) -> Iterator[Read]:
        """What a macro's parameter holds: what the call at hand gives, or any call."""
        at = [parameter.name for parameter in macro.args].index(name)
        calls, way = seen.call_of(macro)
        for call in self._calls.get(macro.name, []) if calls is None else [calls]:
            over = self._above[id(call)]
            values = [*call.args[at : at + 1], *(each.value for each in call.kwargs if each.key == name)]
            for value in values:
                yield from self._reads(value, over, way)
            fallback = at - (len(macro.args) - len(macro.defaults))
            if not values and fallback >= 0:
                yield from self._reads(macro.defaults[fallback], self._above[id(macro)], way)

    def _visible(self, node: nodes.Name, above: Above) -> tuple[list[nodes.Node], bool]:
        """The assignments that may have set a name where it is read, and whether one surely has."""
        found: list[nodes.Node] = []
        path = (*above, node)
        for at in range(len(path) - 1, 0, -1):
            for body in branches(path[at - 1]):
                here = next((index for index, each in enumerate(body) if each is path[at]), None)
                if here is None:
                    continue
                for each in reversed(body[:here]):
                    if node.name in stored(each):
                        found += [
                            inner
                            for inner in _assigns(each)
                            if node.name in stored(inner)
                        ]
                    if node.name in surely_stored(each):
                        return found, True
        return found, False

    def _called(self, node: nodes.Call, above: Above, seen: _Way) -> Iterator[Read]:
        if isinstance(node.node, nodes.Getattr):
            method = node.node.attr
            if method in _ASKING:
                return
            for read in self._reads(node.node.node, above, seen):
                key = getattr(node.args[0], "value", None) if node.args and method == "get" else None
                yield replace(read, node=node, keys=(*read.keys, key) if isinstance(key, str) else read.keys)
            if method in ("get", "replace", "join", "format"):
                for each in node.args:
                    yield from self._reads(each, above, seen)
            return
        if isinstance(node.node, nodes.Name):
            macro = self._macros.get(node.node.name)
            if macro is not None:
                if any(each is macro for each, _, _ in seen.calls):
                    return
                yield from self._body(macro, seen.into(macro, node))
                return
            if node.node.name in ("raise_exception", "strftime_now", "range", "lipsum"):
                return
        for each in (*node.args, *node.kwargs):
            yield from self._reads(each, above, seen)


def _holds(node: nodes.Node, part: nodes.Node) -> bool:
    return node is part or any(each is part for each in node.find_all(type(part)))


def _assigns(node: nodes.Node) -> list[nodes.Node]:
    """The assignments in a statement whose names reach what is behind it."""
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return [node]
    if isinstance(node, nodes.If) or is_generation(node):
        return [inner for body in branches(node) for each in body for inner in _assigns(each)]
    return []


def _innermost(node: nodes.Node, above: Above) -> tuple[Test, ...]:
    """The last test that lets a statement run."""
    found = [(test, wanted) for test, wanted in tests_around(node, above)]
    return tuple(found[-1:])  # type: ignore[arg-type]


def _under(test: nodes.Expr, wanted: bool, reads: Iterable[Read]) -> Iterator[Read]:
    return (replace(read, tests=((test, wanted), *read.tests)) for read in reads)


def _under_all(tests: tuple[Test, ...], reads: Iterable[Read]) -> Iterator[Read]:
    return (replace(read, tests=(*tests, *read.tests)) for read in reads)
