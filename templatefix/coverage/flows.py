"""What flows into an output: the reads whose texts it may print, through names, namespaces, macros and filters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

from jinja2 import nodes

from templatefix.coverage.paths import loop_targets, run_before, tests_around
from templatefix.coverage.reach import possible
from templatefix.syntax import branches, is_generation, span_of, walk
from templatefix.syntax.scope import stored, surely_stored

Above = tuple[nodes.Node, ...]
"""Ancestors of a node, outermost first."""
Test = tuple[nodes.Node, bool]
"""A test, and what it must be."""
_Assignment = nodes.Assign | nodes.AssignBlock

_COUNTING = frozenset(("abs", "count", "float", "int", "length", "round", "sum", "wordcount"))
"""Filters that print a number."""
_GIVING = frozenset(("d", "default", "format", "get", "join", "replace"))
"""Filters and methods that print what they are given besides."""
_ASKING = frozenset(("append", "count", "endswith", "find", "index", "isdigit", "rfind", "startswith"))
"""Methods that give no text."""
_NO_TEXT = frozenset(("lipsum", "raise_exception", "range", "strftime_now"))
"""Functions that give no text of the conversation."""
_OTHERS = ("user", "system", "tool", "observer")
_MOST = 20_000
"""Steps that are taken for one output."""


@dataclass(frozen=True)
class Read:
    """A text that an output may print and that is no literal.

    Args:
        node (`jinja2.nodes.Node`): What is read, such as `loop.previtem.content`.
        root (`str`): `own` for the message that the loop is at, `other` for another message, else a variable's name.
        keys (`tuple[str, ...]`): The constant keys that lead to it.
        put (`tuple[str, ...]`): The keys under which the template has put it into mappings of its own.
        met (`bool`): Whether each test on the way has had the answer that leads here.
    """

    node: nodes.Node
    root: str
    keys: tuple[str, ...] = ()
    put: tuple[str, ...] = ()
    met: bool = True

    def at(self, node: nodes.Node, key: object = None) -> Iterator[Read]:
        """Yield what is read of this one, by a key if it is a text; nothing if it was put under another."""
        if not isinstance(key, str):
            yield replace(self, node=node)
        elif not self.put:
            yield replace(self, node=node, keys=(*self.keys, key))
        elif self.put[-1] == key:
            yield replace(self, node=node, put=self.put[:-1])


@dataclass(frozen=True)
class _Way:
    """How a read was come to.

    Args:
        passed (`frozenset`): Assignments and parameters that were gone through: each is gone through once.
        calls (`tuple`): The calls of macros, each with the way to it.
        role (`str`): The role of the message at which all of it runs; empty where that is not known.
    """

    passed: frozenset[object] = frozenset()
    calls: tuple[tuple[nodes.Macro, nodes.Call, _Way], ...] = ()
    role: str = ""

    def through(self, what: object) -> _Way:
        return replace(self, passed=self.passed | {what})

    def into(self, macro: nodes.Macro, call: nodes.Call) -> _Way:
        return replace(self, calls=(*self.calls, (macro, call, self)))

    def call_of(self, macro: nodes.Macro) -> tuple[nodes.Call | None, _Way]:
        """Return the call of a macro that was come through, and the way to it."""
        return next(((call, way) for each, call, way in reversed(self.calls) if each is macro), (None, self))


class Flows:
    """The flow of texts in one template.

    Only values are followed, not what decides between them: `{{ a if b else c }}` prints `a` and `c`.

    Args:
        tree (`jinja2.nodes.Template`): The template.
        met (`Callable`): Whether a test has had an answer.
        loops (`Collection[int]`): The loops that went through messages, by their source offset: the messages may have
            been put together anew before.
    """

    def __init__(
        self, tree: nodes.Template, met: Callable[[Test], bool], loops: Collection[int] = ()
    ) -> None:
        self.tree = tree
        self.met = met
        self.loops = loops
        self._above: dict[int, Above] = {id(node): above for node, above in walk(tree)}
        self._macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
        self._through: dict[int, bool] = {}
        self._known: dict[tuple[object, str, tuple[int, ...]], list[Read]] = {}
        self._cut: set[object] = set()
        self._steps = 0

    def of(self, output: nodes.Output, role: str = "") -> list[Read]:
        """Return what an output may print. Where that takes too long, the output itself is returned as `other`.

        Args:
            output (`jinja2.nodes.Output`): The output.
            role (`str`): For messages of this role alone.
        """
        self._steps = 0
        found = dict.fromkeys(self._printed(output, _Way(role=role)))
        return [*found] if self._steps <= _MOST else [Read(output, "other", ("",))]

    @cached_property
    def _attributes(self) -> dict[tuple[str, str], list[_Assignment]]:
        """The assignments to each attribute of a namespace."""
        found: dict[tuple[str, str], list[_Assignment]] = {}
        assigned: list[_Assignment] = [
            *self.tree.find_all(nodes.Assign),
            *self.tree.find_all(nodes.AssignBlock),
        ]
        for each in assigned:
            if isinstance(each.target, nodes.NSRef):
                found.setdefault((each.target.name, each.target.attr), []).append(each)
        return found

    @cached_property
    def _calls(self) -> dict[str, list[nodes.Call]]:
        found: dict[str, list[nodes.Call]] = {}
        for call in self.tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name):
                found.setdefault(call.node.name, []).append(call)
        return found

    def _printed(self, output: nodes.Output, way: _Way) -> Iterator[Read]:
        above = self._above[id(output)]
        if way.role and not possible(output, above, way.role):
            return
        for each in output.nodes:
            yield from self._under(_last(output, above), self._reads(each, (*above, output), way))

    def _reads(self, node: nodes.Node | None, above: Above, way: _Way) -> Iterator[Read]:
        """What an expression may give; `above` leads to the statement that it is in, or deeper."""
        self._steps += 1
        if self._steps > _MOST:
            return
        match node:
            case None | nodes.Const() | nodes.TemplateData() | nodes.Compare() | nodes.Test() | nodes.Not():
                return
            case nodes.Name():
                yield from self._named(node, above, way)
            case nodes.CondExpr():
                yield from self._under((node.test, True), self._reads(node.expr1, above, way))
                yield from self._under((node.test, False), self._reads(node.expr2, above, way))
            case nodes.And():
                yield from self._under((node.left, True), self._reads(node.right, above, way))
            case nodes.Or():
                yield from self._reads(node.left, above, way)
                yield from self._under((node.left, False), self._reads(node.right, above, way))
            case nodes.Getattr() | nodes.Getitem():
                yield from self._item(node, above, way)
            case nodes.Filter():
                if node.name not in _COUNTING:
                    yield from self._reads(node.node, above, way)
                    given = (
                        [*node.args, *(each.value for each in node.kwargs)] if node.name in _GIVING else []
                    )
                    for each in given:
                        yield from self._reads(each, above, way)
            case nodes.Call():
                yield from self._called(node, above, way)
            case nodes.Pair() | nodes.Keyword():
                key = node.key if isinstance(node, nodes.Keyword) else getattr(node.key, "value", None)
                for read in self._reads(node.value, above, way):
                    yield replace(read, put=(*read.put, key)) if isinstance(key, str) else read
            case _:
                for child in node.iter_child_nodes():
                    yield from self._reads(child, above, way)

    def _once(self, what: object, way: _Way, reads: Callable[[_Way], Iterable[Read]]) -> list[Read]:
        """Go through an assignment or a parameter, unless the way comes from there.

        What is found is kept, but for what misses something because the way came from there.
        """
        if what in way.passed:
            self._cut.add(what)
            return []
        key = what, way.role, tuple(id(call) for _, call, _ in way.calls)
        if key not in self._known:
            outer, self._cut = self._cut, set()
            found = [*dict.fromkeys(reads(way.through(what)))]
            self._cut.discard(what)
            whole, self._cut = not self._cut and self._steps <= _MOST, self._cut | outer
            if not whole:
                return found
            self._known[key] = found
        return self._known[key]

    def _item(self, node: nodes.Getattr | nodes.Getitem, above: Above, way: _Way) -> Iterator[Read]:
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        holder = node.node
        if isinstance(holder, nodes.Name) and isinstance(key, str):
            if holder.name == "loop":
                yield from self._neighbor(node, above, way) if key in ("previtem", "nextitem") else ()
                return
            if (holder.name, key) in self._attributes:
                yield from self._attribute(holder, key, above, way)
                return
        for read in self._reads(holder, above, way):
            if read.root != "messages" or isinstance(key, str):
                yield from read.at(node, key)
            elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
                yield read
            else:
                index = node.arg if isinstance(node, nodes.Getitem) else None
                yield replace(read, node=node, root="own" if _counts(index, above) else "other")

    def _neighbor(self, node: nodes.Node, above: Above, way: _Way) -> Iterator[Read]:
        """`loop.previtem` or `loop.nextitem`."""
        at, loop = max(
            ((at, each) for at, each in enumerate(above) if isinstance(each, nodes.For)), default=(0, None)
        )
        if loop is not None:
            for read in self._reads(loop.iter, above[: at + 1], way):
                yield replace(read, node=node, root="other" if read.root == "messages" else read.root)

    def _attribute(self, holder: nodes.Name, key: str, above: Above, way: _Way) -> Iterator[Read]:
        """What a namespace's attribute was set to: for the message at hand, or for one before it."""
        made, _ = self._visible(holder, above)
        fresh = bool(made) and all(self._is_made_anew(self._above[id(each)]) for each in made)
        fresh = fresh or self._is_reset(holder.name, key, above)
        for each in self._attributes[holder.name, key]:
            over = self._above[id(each)]
            kept = not fresh and any(possible(each, over, role) for role in _OTHERS)
            for read in self._value(each, replace(way, role="") if kept else way):
                yield replace(read, root="other") if kept and read.root == "own" else read
        for each in made:
            yield from self._once((id(each), key), way, partial(self._first, each, key))

    def _first(self, made: _Assignment, key: str, way: _Way) -> Iterator[Read]:
        """What a namespace's attribute is when the namespace is made."""
        call = made.node if isinstance(made, nodes.Assign) else None
        for given in call.kwargs if isinstance(call, nodes.Call) else []:
            if given.key == key:
                yield from self._reads(given.value, (*self._above[id(made)], made), way)

    def _is_reset(self, holder: str, key: str, above: Above) -> bool:
        """Whether a namespace's attribute was set anew for the message at hand, before a place."""
        loops = (
            at
            for at, each in enumerate(above)
            if isinstance(each, nodes.For) and self._goes_on(each, above[:at])
        )
        read = nodes.Getattr(nodes.Name(holder, "load"), key, "load")
        return any(
            isinstance(each, nodes.Assign)
            and each.target == nodes.NSRef(holder, key)
            and not any(inner == read for inner in (each.node, *each.node.find_all(nodes.Getattr)))
            for at in loops
            for each in run_before(above[-1], above[at:-1])
        )

    def _is_made_anew(self, above: Above) -> bool:
        """Whether what a statement makes is made for each message, or for each call of a macro."""
        return any(
            isinstance(each, nodes.Macro) or (isinstance(each, nodes.For) and self._goes_on(each, above[:at]))
            for at, each in enumerate(above)
        )

    def _value(self, each: _Assignment, way: _Way) -> Iterator[Read]:
        above = self._above[id(each)]
        if way.role and not possible(each, above, way.role):
            return

        def reads(way: _Way) -> Iterator[Read]:
            if isinstance(each, nodes.AssignBlock):
                return self._body(each, way)
            return self._reads(each.node, (*above, each), way)

        yield from self._under(_last(each, above), self._once(id(each), way, reads))

    def _body(self, holder: nodes.Node, way: _Way) -> Iterator[Read]:
        for output in holder.find_all(nodes.Output):
            yield from self._printed(output, way)

    def _named(self, node: nodes.Name, above: Above, way: _Way) -> Iterator[Read]:
        assigned, sure = self._visible(node, above)
        for each in assigned:
            yield from self._value(each, way)
        if sure:
            return
        for at, outer in reversed([*enumerate(above)]):
            if isinstance(outer, nodes.For) and not _holds(outer.iter, node) and node.name in _targets(outer):
                if self._goes_on(outer, above[:at]):
                    yield Read(node, "own")
                    return
                for read in self._reads(outer.iter, above[: at + 1], way):
                    yield replace(read, node=node, root="other" if read.root == "messages" else read.root)
                return
            if isinstance(outer, nodes.Macro) and any(each.name == node.name for each in outer.args):
                yield from self._once((id(outer), node.name), way, partial(self._given, outer, node.name))
                return
        if not assigned and node.name not in ("loop", "namespace"):
            yield Read(node, node.name)

    def _visible(self, node: nodes.Name, above: Above) -> tuple[list[_Assignment], bool]:
        """The assignments that may have set a name where it is read, and whether one surely has."""
        found: list[_Assignment] = []
        path = (*above, node)
        for at in range(len(path) - 1, 0, -1):
            outer = path[at - 1]
            for body in branches(outer):
                here = next((index for index, each in enumerate(body) if each is path[at]), 0)
                for each in reversed(body[:here]):
                    found += [inner for inner in _assignments(each) if node.name in stored(inner)]
                    if node.name in surely_stored(each):
                        return found, True
            if isinstance(outer, nodes.For) and not _holds(outer.iter, node) and node.name in _targets(outer):
                return found, False
            if isinstance(outer, nodes.Macro) and any(each.name == node.name for each in outer.args):
                return found, False
        return found, False

    def _goes_on(self, loop: nodes.For, above: Above) -> bool:
        """Whether a loop goes from message to message, and is not within such a loop."""
        outer = any(isinstance(each, nodes.For) and self._is_through_messages(each) for each in above)
        return not outer and self._is_through_messages(loop)

    def _is_through_messages(self, loop: nodes.For) -> bool:
        if span_of(loop).start in self.loops:
            return True
        if id(loop) not in self._through:
            self._through[id(loop)] = False
            counted = loop.iter if isinstance(loop.iter, nodes.Call) else None
            if counted is not None and counted.node == nodes.Name("range", "load"):
                found = any(name.name == "messages" for name in counted.find_all(nodes.Name))
            else:
                above = (*self._above[id(loop)], loop)
                found = any(read.root == "messages" for read in self._reads(loop.iter, above, _Way()))
            self._through[id(loop)] = found
        return self._through[id(loop)]

    def _given(self, macro: nodes.Macro, name: str, way: _Way) -> Iterator[Read]:
        """What a macro's parameter holds: what the call at hand gives, or any call."""
        at = [parameter.name for parameter in macro.args].index(name)
        fallback = at - (len(macro.args) - len(macro.defaults))
        known, way = way.call_of(macro)
        for call in self._calls.get(macro.name, []) if known is None else [known]:
            values = [*call.args[at : at + 1], *(each.value for each in call.kwargs if each.key == name)]
            for value in values:
                yield from self._reads(value, self._above[id(call)], way)
            if not values and fallback >= 0:
                yield from self._reads(macro.defaults[fallback], self._above[id(macro)], way)

    def _under(self, test: Test | None, reads: Iterable[Read]) -> Iterable[Read]:
        met = test is None or self.met(test)
        return reads if met else (replace(read, met=False) for read in reads)

    def _called(self, node: nodes.Call, above: Above, way: _Way) -> Iterator[Read]:
        function = node.node
        if isinstance(function, nodes.Getattr):
            if function.attr in _ASKING:
                return
            key = getattr(node.args[0], "value", None) if node.args and function.attr == "get" else None
            for read in self._reads(function.node, above, way):
                yield from read.at(node, key)
            given: list[nodes.Node] = [*node.args] if function.attr in _GIVING else []
        elif isinstance(function, nodes.Name) and function.name in self._macros:
            macro = self._macros[function.name]
            if not any(each is macro for each, _, _ in way.calls):
                yield from self._body(macro, way.into(macro, node))
            return
        else:
            known = isinstance(function, nodes.Name) and function.name in _NO_TEXT
            given = [] if known else [*node.args, *node.kwargs]
        for each in given:
            yield from self._reads(each, above, way)


def _counts(index: nodes.Node | None, above: Above) -> bool:
    """Whether an index is that of the message that the loop is at."""
    if isinstance(index, nodes.Getattr) and index.attr == "index0":
        return index.node == nodes.Name("loop", "load")
    return isinstance(index, nodes.Name) and index.name in loop_targets(above)


def _targets(loop: nodes.For) -> set[str]:
    names = (loop.target, *loop.target.find_all(nodes.Name))
    return {each.name for each in names if isinstance(each, nodes.Name)}


def _holds(node: nodes.Node, part: nodes.Node) -> bool:
    return node is part or any(each is part for each in node.find_all(type(part)))


def _assignments(node: nodes.Node) -> list[_Assignment]:
    """The assignments in a statement that reach what is behind it."""
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return [node]
    if isinstance(node, nodes.If) or is_generation(node):
        return [inner for body in branches(node) for each in body for inner in _assignments(each)]
    return []


def _last(node: nodes.Node, above: Above) -> Test | None:
    """The test that is asked last before a statement runs: if it was, so were those round it."""
    return next(reversed([*tests_around(node, above)]), None)
