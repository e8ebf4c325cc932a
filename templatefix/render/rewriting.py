"""Rewrite the tree of a template so that its literals, outputs, tests and loops pass through filters of ours."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from templatefix.render.environment import through
from templatefix.syntax import Source, is_generation, span_of, walk
from templatefix.syntax.chain import atoms
from templatefix.syntax.parser import has_span


def buffers(node: nodes.Node) -> bool:
    """Whether what a statement holds does not go straight to the rendered text, or goes there again."""
    if isinstance(node, nodes.For):
        return bool(node.recursive)
    buffered = nodes.Macro | nodes.AssignBlock | nodes.FilterBlock | nodes.CallBlock | nodes.Block
    return isinstance(node, buffered) and not is_generation(node)


def leaves(source: Source) -> list[nodes.Output]:
    """Return the outputs that print straight to the rendered text, in source order."""
    return [
        node
        for node, above in walk(source.tree)
        if isinstance(node, nodes.Output) and not any(buffers(each) for each in above)
    ]


_SECRET = token_hex(16)
LITERAL, NAME, CONCAT, OUTPUT, OPERAND, DATA = (
    f"{word} {_SECRET}" for word in ("lit", "name", "cat", "out", "atom", "data")
)
ENTER, SAVE, BACK, TEST = (f"{word} {_SECRET}" for word in ("enter", "save", "back", "test"))
"""Filters that no template can name."""

_READING = frozenset(
    (
        "startswith",
        "endswith",
        "split",
        "rsplit",
        "strip",
        "lstrip",
        "rstrip",
        "find",
        "rfind",
        "index",
        "count",
    )
)
"""Methods whose arguments are in no result."""


def rewrite(source: Source, variables: frozenset[str]) -> tuple[nodes.Template, list[int]]:
    """Rewrite the tree of a source in place, so that it can be rendered with origins.

    Args:
        source (`Source`): The template; its tree is of no other use afterwards.
        variables (`frozenset[str]`): Names of special tokens.

    Returns:
        `tuple[jinja2.nodes.Template, list[int]]`: The tree, and the number of operands of each of `leaves(source)`.
    """
    rewriter = _Rewriter(source, variables)
    return rewriter.visit(source.tree), rewriter.operands


class _Rewriter(NodeTransformer):
    """Makes literals, outputs, tests and loops of one tree pass through the filters of `TracingEnvironment`."""

    def __init__(self, source: Source, variables: frozenset[str]) -> None:
        self.source = source
        self.variables = variables
        self.leaves = {id(output): index for index, output in enumerate(leaves(source))}
        self.operands: list[int] = [1] * len(self.leaves)

    def _literal(self, text: str, offset: int) -> nodes.Filter:
        return through(LITERAL, nodes.Const(text), nodes.Const(offset))

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802 - Jinja's own names
        return self._literal(node.data, span_of(node).start)

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        if not isinstance(node.value, str) or not has_span(node):
            return node
        return self._literal(node.value, span_of(node).start + 1)  # behind the quote

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802
        return through(NAME, node) if node.ctx == "load" and node.name in self.variables else node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        return through(CONCAT, nodes.List([self.visit(each) for each in node.nodes], lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        return node  # true or false, whatever the origins

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        node.node = self.visit(node.node)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        node.node = self.visit(node.node)
        if not isinstance(node.arg, nodes.Const):
            node.arg = self.visit(node.arg)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        node.node = self.visit(node.node)
        if not (isinstance(node.node, nodes.Getattr) and node.node.attr in _READING):
            node.args = [self.visit(each) for each in node.args]
            node.kwargs = [self.visit(each) for each in node.kwargs]
        return node

    def visit_And(self, node: nodes.And) -> nodes.Node:  # noqa: N802
        node.left, node.right = self._condition(node.left), self.visit(node.right)
        return node

    def visit_Or(self, node: nodes.Or) -> nodes.Node:  # noqa: N802
        node.left, node.right = self._condition(node.left), self.visit(node.right)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802
        test = self._condition(node.test)
        node.expr1 = self.visit(node.expr1)
        node.expr2 = self.visit(node.expr2) if node.expr2 is not None else None
        node.test = test
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node:  # noqa: N802
        test, node.test = node.test, nodes.Const(True)
        self.generic_visit(node)
        node.test = self._condition(test)
        return node

    def visit_For(self, node: nodes.For) -> list[nodes.Node]:  # noqa: N802
        test, node.test = node.test, None
        lists = _indexed_lists(node)
        self.generic_visit(node)
        if test is not None:
            node.test = self._condition(test)
        if isinstance(node.target, nodes.Name):
            item, *others = (nodes.Name(name, "load") for name in (node.target.name, *lists))
            entered = through(ENTER, item, nodes.Const(span_of(node).start), *others)
            node.body = [nodes.ExprStmt(entered, lineno=node.lineno), *node.body]
        save, back = (
            nodes.ExprStmt(through(name, nodes.Const(None)), lineno=node.lineno) for name in (SAVE, BACK)
        )
        return [save, node, back]

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        leaf, offset = self.leaves.get(id(node), -1), span_of(node).start
        if len(node.nodes) == 1 and isinstance(node.nodes[0], nodes.TemplateData):
            only = node.nodes[0]
            given = (nodes.Const(each) for each in (span_of(only).start, offset, leaf))
            node.nodes = [through(DATA, nodes.Const(only.data), *given)]
            return node
        if len(node.nodes) != 1:
            node.nodes = [self.visit(nodes.Concat(node.nodes, lineno=node.lineno))]  # {% print a, b %}
        elif leaf >= 0:
            expression = node.nodes[0]
            found = atoms(expression, self.source.text, self.source.markup)
            self.operands[leaf] = len(found)
            node.nodes = [self._chain(expression, {id(atom) for atom in found})]
        else:
            self.generic_visit(node)
        node.nodes = [through(OUTPUT, node.nodes[0], nodes.Const(offset), nodes.Const(leaf))]
        return node

    def _chain(self, node: nodes.Expr, operands: set[int]) -> nodes.Expr:
        """Rewrite a chain so that each operand is noted."""
        if id(node) in operands:
            return through(OPERAND, self.visit(node))
        if isinstance(node, nodes.Add):
            return nodes.Add(
                self._chain(node.left, operands), self._chain(node.right, operands), lineno=node.lineno
            )
        assert isinstance(node, nodes.Concat)
        return through(
            CONCAT, nodes.List([self._chain(each, operands) for each in node.nodes], lineno=node.lineno)
        )

    def _condition(self, node: Any) -> Any:
        """Rewrite a test so that the truth of each condition in it is noted."""
        if isinstance(node, nodes.And | nodes.Or):
            node.left, node.right = self._condition(node.left), self._condition(node.right)
            return node
        if isinstance(node, nodes.Not):
            node.node = self._condition(node.node)
            return node
        if not has_span(node):
            return self.visit(node)
        start, end = span_of(node).start, span_of(node).end
        return through(TEST, self.visit(node), nodes.Const(start), nodes.Const(end))


def _indexed_lists(loop: nodes.For) -> list[str]:
    """Names of lists that a loop over numbers reads by its variable, as in `messages[i]`."""
    if not isinstance(loop.target, nodes.Name):
        return []
    reads = [
        read
        for statement in loop.body
        for read in (
            [statement] if isinstance(statement, nodes.Getitem) else [*statement.find_all(nodes.Getitem)]
        )
    ]
    found = {
        read.node.name
        for read in reads
        if isinstance(read.node, nodes.Name) and read.arg == nodes.Name(loop.target.name, "load")
    }
    anew = {each.target.name for each in loop.find_all(nodes.Assign) if isinstance(each.target, nodes.Name)}
    return sorted(found - anew)
