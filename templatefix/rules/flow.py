"""Which reads come after a marker: Jinja's scopes, as far as a marker disturbs them.

`{% set %}` inside `{% if %}` reaches the scope round it; a loop's body, a macro, a call, filter or set block
and `{% with %}` keep it in. A marker keeps it in too, which is the disturbance: without markers it would not.
So markers are looked through here as if they were absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.model import Span
from templatefix.rules.markers import opening
from templatefix.syntax import branches, is_generation, span_of, walk

_INNER = ("test", "body", "elif_", "else_")  # what a statement's own variables reach


def leaks(marker: nodes.Node) -> dict[str, Span]:
    """The names a marker's body would set outside, were it no marker, with the first place of each.

    A marker within the marker answers for itself.
    """
    found: dict[str, Span] = {}
    stack = list(reversed(branches(marker)[0]))
    while stack:
        node = stack.pop()
        if isinstance(node, nodes.If):
            stack += [child for body in reversed(branches(node)) for child in reversed(body)]
        for name, span in _assigned(node):
            found.setdefault(name, span)
    return found


def read_after(name: str, marker: nodes.Node, above: Sequence[nodes.Node]) -> nodes.Node | None:
    """The first read of `name` that runs after `marker` and would see what the marker's body sets.

    Args:
        name (`str`): A name that the marker's body sets.
        marker (`jinja2.nodes.Node`): The generation block.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
    """
    child = marker
    for parent in reversed(above):
        flow = _Flow(name)
        flow.through(_following(parent, child))
        if flow.done or not _transparent(parent):
            return flow.read
        child = parent
    return None


def _transparent(node: nodes.Node) -> bool:
    return isinstance(node, nodes.If) or is_generation(node)


def _assigned(node: nodes.Node) -> Iterator[tuple[str, Span]]:
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        for name, _ in walk(node.target):
            if isinstance(name, nodes.Name):
                yield name.name, span_of(name)
    if isinstance(node, nodes.Macro):
        yield node.name, opening(node, node.body)


def _following(parent: nodes.Node, child: nodes.Node) -> list[nodes.Node]:
    for body in branches(parent):
        for index, each in enumerate(body):
            if each is child:
                return body[index + 1 :]
    return []


@dataclass
class _Flow:
    """One name on its way through statements.

    Args:
        name (`str`): The name.
        read (`jinja2.nodes.Node`, *optional*): Where it is read first.
        killed (`bool`): Whether it has surely been set anew.
    """

    name: str
    read: nodes.Node | None = None
    killed: bool = False

    @property
    def done(self) -> bool:
        return self.read is not None or self.killed

    def through(self, statements: Iterable[nodes.Node]) -> None:
        """Follow the name until it is read or set anew."""
        for statement in statements:
            if not self.done:
                self._step(statement)

    def _step(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.If):
            self._fork(node)
        elif is_generation(node):
            self.through(branches(node)[0])
        else:
            self._pass(node)

    def _fork(self, node: nodes.If) -> None:
        self._look(part.test for part in (node, *node.elif_))
        killed = self._enter(branches(node))
        self.killed = all(killed) and bool(node.else_)

    def _pass(self, node: nodes.Node) -> None:
        head = list(node.iter_child_nodes(exclude=_INNER))
        self._look(head)
        sets = self.name in dict(_assigned(node))
        binds = not sets and any(self._is(part) for child in head for part, _ in walk(child))
        if isinstance(node, nodes.For) and node.test and not binds:
            self._look([node.test])
        self._enter(branches(node)[binds:])  # a loop's `else` does not see the loop's variable
        self.killed = sets

    def _enter(self, bodies: Iterable[Iterable[nodes.Node]]) -> list[bool]:
        flows = []
        for body in bodies:
            flow = _Flow(self.name)
            flow.through(body)
            self.read = self.read or flow.read
            flows.append(flow.killed)
        return flows

    def _look(self, expressions: Iterable[nodes.Node]) -> None:
        for expression in expressions:
            for part, _ in walk(expression):
                # `ns.x = …` reads `ns`
                if self._is(part) and getattr(part, "ctx", "load") == "load":
                    self.read = self.read or part

    def _is(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Name | nodes.NSRef) and node.name == self.name
