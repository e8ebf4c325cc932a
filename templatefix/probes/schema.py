"""What a template reads of a message: its keys, the keys below them, and what it compares them with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from templatefix.model import Message
from templatefix.probes.messages import Turn
from templatefix.syntax import Source

Path = tuple[str, ...]
ITEM, VALUE = "[]", "{}"
"""Steps of a path besides keys: an item of a list, a value of a mapping."""
_OTHERS = re.compile(r"output|result|response|observation|^(tools|functions|documents)$")


def of_others(key: str) -> bool:
    """Whether a key, or a name, is of what the caller offered or tools answered, in a message that is not theirs."""
    return bool(_OTHERS.search(key.lower()))


_SAME = {
    "upper",
    "length",
    "count",
    "items",
    "list",
    "default",
    "trim",
    "d",
    "dictsort",
    "sort",
    "reverse",
    "string",
    "safe",
    "lower",
}


@dataclass
class Schema:
    """The paths below a message that a template reads.

    Args:
        paths (`set[tuple[str, ...]]`): Each path read, from the message down.
        choices (`dict[tuple[str, ...], dict]`): The constants that a path is compared with, in source order.
    """

    paths: set[Path] = field(default_factory=set)
    choices: dict[Path, dict[Any, None]] = field(default_factory=dict)

    def children(self, path: Path) -> list[str]:
        """Steps that go on from a path, sorted."""
        depth = len(path)
        return sorted({each[depth] for each in self.paths if len(each) > depth and each[:depth] == path})

    def fill(self, path: Path, texts: Iterator[str], used: list[str], *, flat: bool = False) -> Any:
        """Return a value of the form that a template expects at a path, with unique texts at its leaves.

        Args:
            path (`tuple[str, ...]`): The path.
            texts (`Iterator[str]`): Unique texts to take.
            used (`list[str]`): Where the texts taken are noted.
            flat (`bool`): Give a text where the template goes through the entries of a mapping, if there is one.
        """
        below = self.children(path)
        if ITEM in below:
            return self._items((*path, ITEM), texts, used, flat)
        if below and below != [VALUE]:
            keys = [key for key in below if key not in (ITEM, VALUE)]
            return {key: self.fill((*path, key), texts, used, flat=flat) for key in keys}
        used.append(next(texts))
        if not below or flat:
            return used[-1]
        used.append(next(texts))
        return {"place": used[-2], "note": used[-1]}

    def _items(self, path: Path, texts: Iterator[str], used: list[str], flat: bool) -> list[Any]:
        """One item for each constant that a key of the items is compared with, or two alike."""
        told = next((key for key in self.children(path) if self.choices.get((*path, key))), None)
        if told is None:
            return [self.fill(path, texts, used, flat=flat) for _ in range(2)]
        others = [key for key in self.children(path) if key not in (told, ITEM, VALUE)]
        return [
            {told: choice, **{key: self.fill((*path, key), texts, used, flat=flat) for key in others}}
            for choice in list(self.choices[(*path, told)])[:5]
        ]


@lru_cache(maxsize=32)
def read_schema(source: Source) -> Schema:
    """Say what a template reads of the messages it loops over.

    Args:
        source (`Source`): The template.
    """
    reader = Reader(source.tree)
    schema = Schema()
    for kind in (nodes.Getattr, nodes.Getitem, nodes.Call):
        for node in source.tree.find_all(kind):
            schema.paths |= {path for path in reader.resolve(node) if path}
    for loop in source.tree.find_all(nodes.For):
        schema.paths |= {(*path, _step(loop)) for path in reader.resolve(loop.iter) if path}
    for compare in source.tree.find_all(nodes.Compare):
        for path, value in reader.compared(compare):
            if not path:
                continue
            schema.choices.setdefault(path, {})[value] = None
    return schema


class Reader:
    """Knows which paths the expressions of one template may stand for.

    Args:
        tree (`jinja2.nodes.Template`): The template.
        root (`str`): The variable that holds the list: `messages`, or `tools`.
    """

    def __init__(self, tree: nodes.Template, root: str = "messages") -> None:
        self.tree = tree
        self.calls = [*tree.find_all(nodes.Call)]
        self.loops = [*tree.find_all(nodes.For)]
        self.assigned = [*tree.find_all(nodes.Assign)]
        self.macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
        self.called = {id(call.node) for call in self.calls}
        self.lists = self._lists(root)
        found = self._messages() if root == "messages" else set[str]()
        self.aliases: dict[str, set[Path]] = {name: {()} for name in (*found, *self._targets())}
        for _ in range(4):  # names are set from names: a few rounds reach them all
            self._grow()

    def _lists(self, root: str) -> set[str]:
        """Names that hold the list, or a part of it."""
        found = {root}
        for _ in range(3):
            found |= {
                each.target.name
                for each in self.assigned
                if isinstance(each.target, nodes.Name)
                and isinstance(inner := _list_of(each.node), nodes.Name)
                and inner.name in found
            }
        return found

    def _targets(self) -> set[str]:
        """Variables of loops over the list."""
        return {
            loop.target.name
            for loop in self.loops
            if isinstance(loop.target, nodes.Name)
            and isinstance(inner := _list_of(loop.iter), nodes.Name)
            and inner.name in self.lists
        }

    def _messages(self) -> set[str]:
        reads: list[Any] = [*self.tree.find_all(nodes.Getattr), *self.tree.find_all(nodes.Getitem)]
        roles = {
            read.node.name for read in reads if isinstance(read.node, nodes.Name) and _key(read) == "role"
        }
        targets = (loop.target for loop in self.loops)
        return {target.name for target in targets if isinstance(target, nodes.Name) and target.name in roles}

    def _grow(self) -> None:
        for assignment in self.assigned:
            self._learn(assignment.target, self.resolve(assignment.node))
        for loop in self.loops:
            entries = isinstance(loop.target, nodes.Tuple) and loop.target.items
            found = {(*path, _step(loop)) for path in self.resolve(loop.iter) if path}
            self._learn(entries[-1] if entries else loop.target, found)
        for call in self.calls:
            macro = self.macros.get(call.node.name) if isinstance(call.node, nodes.Name) else None
            for parameter, given in zip(macro.args, call.args, strict=False) if macro else ():
                # What is deeper goes to macros that write values of any form.
                whole: set[Path] = {
                    path for path in self.resolve(given) if len(path) == 1 and path != ("content",)
                }
                self._learn(parameter, whole)

    def _learn(self, target: nodes.Node, found: set[Path]) -> None:
        short = {path for path in found if len(path) < 8}
        if isinstance(target, nodes.Name) and short:
            self.aliases.setdefault(target.name, set()).update(short)

    def resolve(self, node: nodes.Node | None) -> set[Path]:
        """The paths that an expression may stand for."""
        if isinstance(node, nodes.Name):
            return self.aliases.get(node.name, set())
        if self._is_item(node):
            return {()}
        if isinstance(node, nodes.Getattr | nodes.Getitem):
            key = _key(node)
            if key is None:  # an index or a slice of a list
                index = isinstance(getattr(node, "arg", None), nodes.Const)
                return {(*path, ITEM) if index else path for path in self.resolve(node.node)}
            return set() if id(node) in self.called else {(*path, key) for path in self.resolve(node.node)}
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            if node.node.attr == "get" and node.args and isinstance(node.args[0], nodes.Const):
                return {(*path, str(node.args[0].value)) for path in self.resolve(node.node.node)}
            same = node.node.attr in (
                "items",
                "strip",
                "values",
                "lower",
                "upper",
                "lstrip",
                "rstrip",
                "title",
            )
            return self.resolve(node.node.node) if same else set()
        if isinstance(node, nodes.Filter):
            return self.resolve(node.node) if node.name in _SAME else set()
        if isinstance(node, nodes.CondExpr):
            return self.resolve(node.expr1) | self.resolve(node.expr2)
        if isinstance(node, nodes.Or | nodes.And):
            return self.resolve(node.left) | self.resolve(node.right)
        return set()

    def _is_item(self, node: nodes.Node | None) -> bool:
        """Whether an expression is an item of the list: `messages[i]`, `messages | last`, `loop.previtem`."""
        if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Slice) and _key(node) is None:
            return isinstance(node.node, nodes.Name) and node.node.name in self.lists
        if isinstance(node, nodes.Filter) and node.name in ("first", "last"):
            return isinstance(node.node, nodes.Name) and node.node.name in self.lists
        return isinstance(node, nodes.Getattr) and node.attr in ("previtem", "nextitem")

    def compared(self, compare: nodes.Compare) -> Iterator[tuple[Path, str]]:
        """Paths and the texts they are compared with."""
        for operand in compare.ops:
            sides = [(compare.expr, operand.expr), (operand.expr, compare.expr)]
            for read, value in sides[: 2 if operand.op in ("eq", "ne") else 1]:
                for path in self.resolve(read):
                    yield from ((path, each) for each in _constants(value))


def _list_of(node: Any) -> Any:
    """What a slice, a filter or a sum takes its items from."""
    while True:
        if (isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)) or (
            isinstance(node, nodes.Filter)
            and node.node is not None
            and node.name not in ("first", "last", "length")
        ):
            node = node.node
        elif isinstance(node, nodes.CondExpr):
            node = node.expr1
        else:
            return node


def _step(loop: nodes.For) -> str:
    return VALUE if isinstance(loop.target, nodes.Tuple) else ITEM


def _key(read: nodes.Getattr | nodes.Getitem) -> str | None:
    key = read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)
    return key if isinstance(key, str) else None


def _constants(value: nodes.Expr) -> Iterable[str]:
    items = value.items if isinstance(value, nodes.List | nodes.Tuple) else [value]
    return [item.value for item in items if isinstance(item, nodes.Const) and isinstance(item.value, str)]


def _answered(value: Any, inside: bool) -> Iterator[str]:
    """The texts in a value that stand below a key of what tools answered."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _answered(below, inside or of_others(key))
    elif isinstance(value, list):
        for below in value:
            yield from _answered(below, inside)
    elif inside and isinstance(value, str):
        yield value


def give(
    schema: Schema, path: Path, message: Message, turn: Turn, label: str, *, flat: bool = False
) -> tuple[Message, Turn]:
    """Give a message what a template reads at a path from it, with texts of its own.

    Args:
        schema (`Schema`): What the template reads.
        path (`tuple[str, ...]`): The first key, or `("content",)` to replace the content.
        message (`dict`): The message.
        turn (`Turn`): Its texts.
        label (`str`): Makes the texts unique.
        flat (`bool`): See [`Schema.fill`].
    """
    used: list[str] = []
    texts = (f"Larkspur{label}x{index} for {path[0][::-1]}{index}." for index in range(100))
    value = schema.fill(path, texts, used, flat=flat)
    quoted = {*_answered(value, of_others(path[0]))}
    own = tuple(text for text in used if text not in quoted)
    turn = replace(turn, quoted=(*turn.quoted, *(text for text in used if text in quoted)))
    kept = tuple(
        text for text in turn.texts if path[0] != "content" or text not in str(message.get("content"))
    )
    return {**message, path[0]: value}, replace(turn, texts=(*own, *kept))
