"""When two chat templates are the same program, markers aside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from templatefix.syntax.chain import atoms, is_literal, operators
from templatefix.syntax.conditions import conjuncts
from templatefix.syntax.located import Source
from templatefix.syntax.nodes import is_generation
from templatefix.syntax.scope import hazard, message_of, stored

Normal = tuple[Any, ...]


def same_without_markers(one: Source, other: Source) -> bool:
    """Whether two templates print the same text for every input, markers aside.

    True if no generation block changes what it encloses (see `scope.hazard`), and the trees are equal after
    blocks are replaced by their bodies, outputs are taken apart into the operands of their chains, neighbouring
    texts are joined, and a test of a message's role whose two arms are equal is replaced by the arm. An operand
    of `+` next to a string must be a string, or rendering fails; so an operand that must be one is never equal
    to one that need not.

    Args:
        one (`Source`): A parsed template.
        other (`Source`): Another.
    """
    safe = all(
        not hazard(source.tree, [block])
        for source in (one, other)
        for block in source.tree.find_all(nodes.CallBlock)
        if is_generation(block)
    )
    return safe and same_trees(one, other)


def same_trees(one: Source, other: Source) -> bool:
    """Whether two templates are the same program where no generation block changes what it encloses.

    Args:
        one (`Source`): A parsed template.
        other (`Source`): Another.
    """
    return _normal(one) == _normal(other)


@lru_cache(maxsize=8)
def _normal(source: Source) -> Normal:
    return _Normaliser(source).body(source.tree.body)


@dataclass(frozen=True)
class _Normaliser:
    """Reduces bodies to comparable values.

    Args:
        source (`Source`): The template.
        targets (`tuple[jinja2.nodes.Expr, ...]`): What holds the items of the loops around, and nothing sets anew:
            reading their role cannot fail where those items are messages, and has no effect.
        previous (`bool`): Whether `loop.previtem` is the message before, where it is defined.
    """

    source: Source
    targets: tuple[nodes.Expr, ...] = ()
    previous: bool = False

    def body(self, body: list[nodes.Node]) -> Normal:
        parts: list[Any] = []
        for node in body:
            for part in self._statement(node):
                if part == ("text", ""):
                    continue
                if parts and part[0] == parts[-1][0] == "text":
                    parts[-1] = ("text", parts[-1][1] + part[1])
                else:
                    parts.append(part)
        return tuple(parts)

    def _statement(self, node: nodes.Node) -> list[Any]:
        if isinstance(node, nodes.CallBlock) and is_generation(node):
            return list(self.body(node.body))
        if isinstance(node, nodes.Output):
            return [part for expression in node.nodes for part in self._output(expression)]
        if isinstance(node, nodes.If) and not node.elif_ and self._asks_role(node.test):
            arms = [self.body(node.body), self.body(node.else_)]
            if arms[0] == arms[1]:
                return list(arms[0])
        if isinstance(node, nodes.For):
            hidden = _names_in(node.target) | {name for each in node.body for name in stored(each)}
            outer = [each for each in self.targets if not hidden & _names_in(each)]
            own = None if _displayed(node.iter) else message_of(node)
            inside = (*outer, own) if own is not None else tuple(outer)
            previous = own is not None and own == _loaded(node.target) and "loop" not in hidden
            return [self._fields(node, _Normaliser(self.source, inside, previous))]
        if isinstance(node, nodes.With | nodes.Macro | nodes.CallBlock):  # they have names of their own
            return [self._fields(node, _Normaliser(self.source))]
        return [self._fields(node)]

    def _asks_role(self, test: nodes.Node) -> bool:
        """Whether a test reads the role of a message, which is there, and whether it is to be trained."""
        first, *others = conjuncts(test)
        if first == _MESSAGES:
            return self._loads_messages and self._reads_only(others, (_LAST,))
        if first == nodes.Test(_PREVIOUS, "defined", [], [], None, None):
            return self.previous and self._reads_only(others, (_PREVIOUS,))
        return self._reads_only([first, *others], self.targets)

    def _reads_only(self, tests: list[nodes.Node], holders: tuple[nodes.Expr, ...]) -> bool:
        return bool(tests) and all(
            self._compares(each, holders) or self._is_last(each, holders) for each in tests
        )

    def _is_last(self, test: nodes.Node, holders: tuple[nodes.Expr, ...]) -> bool:
        """Whether a test asks whether a message is the last one."""
        sameas = isinstance(test, nodes.Test) and test.name == "sameas" and test.args == [_LAST]
        return sameas and test.node in holders and self._loads_messages  # type: ignore[attr-defined]

    @property
    def _loads_messages(self) -> bool:
        """Whether nothing sets `messages` anew."""
        found = self.source.tree.find_all(nodes.Name)
        return all(name.ctx == "load" for name in found if name.name == _MESSAGES.name)

    @staticmethod
    def _compares(test: nodes.Node, holders: tuple[nodes.Expr, ...]) -> bool:
        if not isinstance(test, nodes.Compare) or len(test.ops) != 1:
            return False
        read, operand = test.expr, test.ops[0]
        if not isinstance(read, nodes.Getattr | nodes.Getitem) or operand.op not in ("eq", "ne", "in"):
            return False
        constants = operand.expr.items if isinstance(operand.expr, nodes.List) else [operand.expr]
        if isinstance(operand.expr, nodes.List) is not (operand.op == "in"):
            return False
        key = read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)
        return (
            key in ("role", "weight", "train")
            and read.node in holders
            and all(isinstance(each, nodes.Const) for each in constants)
        )

    def _output(self, expression: nodes.Expr) -> list[Any]:
        if isinstance(expression, nodes.TemplateData):
            return [("text", expression.data)]
        found = atoms(expression, self.source.text, self.source.markup)
        if len(found) == 1:
            only = found[0]
            return (
                [("text", only.value)]
                if is_literal(only) and isinstance(only, nodes.Const)
                else [("any", only)]
            )
        strict = operators(found, self.source.text)
        return [
            ("text", atom.value) if is_literal(atom) and isinstance(atom, nodes.Const) else (must, atom)
            for atom, must in zip(found, strict, strict=True)
        ]

    def _fields(self, node: nodes.Node, inside: _Normaliser | None = None) -> Normal:
        values: list[Any] = [type(node).__name__]
        for name, value in node.iter_fields():
            if name == "elif_":
                values.append((name, tuple(self._fields(each) for each in value)))
            elif isinstance(value, list) and value and all(isinstance(each, nodes.Stmt) for each in value):
                values.append((name, (inside if inside and name == "body" else self).body(value)))
            else:
                values.append((name, tuple(value) if isinstance(value, list) else value))
        return tuple(values)


_MESSAGES = nodes.Name("messages", "load")
_LAST = nodes.Getitem(_MESSAGES, nodes.Neg(nodes.Const(1)), "load")
_PREVIOUS = nodes.Getattr(nodes.Name("loop", "load"), "previtem", "load")


def _loaded(target: nodes.Node) -> nodes.Node:
    return nodes.Name(target.name, "load") if isinstance(target, nodes.Name) else target


def _displayed(items: nodes.Node) -> bool:
    """Whether a loop's items may be names in a list that the template writes: one that is not set cannot be read."""
    written: list[nodes.List | nodes.Tuple] = [*items.find_all(nodes.List), *items.find_all(nodes.Tuple)]
    written += [items] if isinstance(items, nodes.List | nodes.Tuple) else []
    return any(not isinstance(item, nodes.Const | nodes.Dict) for each in written for item in each.items)


def _names_in(node: nodes.Node) -> set[str]:
    found = [node] if isinstance(node, nodes.Name) else list(node.find_all(nodes.Name))
    return {name.name for name in found}
