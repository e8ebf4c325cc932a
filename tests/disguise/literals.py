"""Texts in a template's source: raw text and strings, with the place of each character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.model import Edit, Span
from templatefix.syntax import Source, span_of

_UNIT = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|.)|.", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A raw text or a string.

    Args:
        text (`str`): The text that it stands for.
        spans (`tuple[Span, ...]`): The source of each character.
        printed (`bool`): `True` if the template prints it, `False` if it compares something with it.
    """

    text: str
    spans: tuple[Span, ...]
    printed: bool

    def replace(self, found: re.Match[str], text: str, group: int = 0) -> Edit:
        """Return the edit that replaces a match within `text` of this literal."""
        start, end = found.span(group)
        return Edit(Span(self.spans[start].start, self.spans[end - 1].end), text)


def literals(source: Source) -> Iterator[Literal]:
    """Yield the raw texts and strings of a template, in order."""
    printed = list(_printed_spans(source.tree))
    for lexeme in source.lexemes:
        start = lexeme.span.start
        if lexeme.kind == "data":
            places = tuple(Span(start + at, start + at + 1) for at in range(len(lexeme.text)))
            yield Literal(lexeme.text, places, printed=True)
        elif lexeme.kind == "string":
            yield _string(lexeme.text, start, any(each.start <= start < each.end for each in printed))


def _string(raw: str, start: int, printed: bool) -> Literal:
    characters: list[str] = []
    places: list[Span] = []
    for unit in _UNIT.finditer(raw, 1, len(raw) - 1):
        text = unit[0]
        if text.startswith("\\"):
            text = text.encode("ascii", "backslashreplace").decode("unicode-escape", "replace")
        characters += text
        places += [Span(start + unit.start(), start + unit.end())] * len(text)
    return Literal("".join(characters), tuple(places), printed)


def _printed_spans(tree: nodes.Template) -> Iterator[Span]:
    """Yield the spans of strings that are printed, directly or by way of a name that nothing reads but to print it."""
    read = {_named(node) for node in _tested(tree)}
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            yield from _operands(node)
    for assignment in tree.find_all(nodes.Assign):
        if _named(assignment.target) not in {"", *read}:
            yield from _operands(assignment.node)


def prints_roles(source: Source) -> bool:
    """Return whether the template may print `message.role` itself: it reads it other than to compare it."""
    tree = source.tree
    harmless: set[int] = set()
    for compare in tree.find_all(nodes.Compare):
        harmless |= {id(node) for node in compare.find_all((nodes.Getattr, nodes.Getitem))}
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "raise_exception":
            harmless |= {id(node) for node in call.find_all((nodes.Getattr, nodes.Getitem))}
    attributes = [node for node in tree.find_all(nodes.Getattr) if node.attr == "role"]
    items = [node for node in tree.find_all(nodes.Getitem) if getattr(node.arg, "value", None) == "role"]
    return any(id(node) not in harmless for node in (*attributes, *items))


def _tested(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Yield what stands in comparisons, tests, subscripts and arguments."""
    for kind in (nodes.Compare, nodes.Test, nodes.Call, nodes.Getitem):
        for node in tree.find_all(kind):
            parts: Iterable[nodes.Node] = [node]
            if isinstance(node, nodes.Call):
                parts = [*node.args, *node.kwargs]
            elif isinstance(node, nodes.Getitem):
                parts = [node.arg]
            for part in parts:
                yield part
                yield from part.find_all((nodes.Name, nodes.Getattr))


def _named(node: nodes.Node) -> str:
    """Return a variable's name, or that of an attribute; `''` for anything else."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.NSRef | nodes.Getattr):
        return str(node.attr)
    return ""


def _operands(node: nodes.Node | None) -> Iterator[Span]:
    if isinstance(node, nodes.Const):
        yield span_of(node)
    elif isinstance(node, nodes.Concat):
        for each in node.nodes:
            yield from _operands(each)
    elif isinstance(node, nodes.Add | nodes.Or | nodes.And):
        yield from _operands(node.left)
        yield from _operands(node.right)
    elif isinstance(node, nodes.CondExpr):
        yield from _operands(node.expr1)
        yield from _operands(node.expr2)
    elif isinstance(node, nodes.Filter) and node.name == "trim":
        yield from _operands(node.node)


def inverse(text: str, renamed: Mapping[str, str]) -> str:
    """Return a text with each new string replaced by the old one.

    Args:
        text (`str`): A text that a disguised template prints.
        renamed (`Mapping[str, str]`): New string to old string.
    """
    if not renamed:
        return text
    pattern = "|".join(map(re.escape, sorted(renamed, key=len, reverse=True)))
    return re.sub(pattern, lambda found: renamed[found[0]], text)
