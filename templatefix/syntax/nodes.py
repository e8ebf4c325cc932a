"""Questions about Jinja nodes that several floors ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import TypeVar

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

SUPPORT = "_generation_support"  # the method's name in transformers' AssistantTracker


class Generation(Extension):
    """The `{% generation %}` tag, parsed as `transformers.utils.chat_template_utils` parses it.

    The call is told the tag's line besides, so that a span knows which marker made it.
    """

    tags = {"generation"}  # noqa: RUF012 - declared so by jinja2

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse one generation block to a `CallBlock`."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method(SUPPORT, [nodes.Const(int(line))])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)


def is_generation(node: nodes.Node) -> bool:
    """Whether `node` is a `{% generation %}` block."""
    return (
        isinstance(node, nodes.CallBlock)
        and isinstance(node.call.node, nodes.ExtensionAttribute)
        and node.call.node.name == SUPPORT
    )


def is_marked(tree: nodes.Template) -> bool:
    """Whether a template holds a `{% generation %}` block."""
    return any(is_generation(node) for node in tree.find_all(nodes.CallBlock))


_N = TypeVar("_N", bound=nodes.Node)
_T = TypeVar("_T")


def remembered(function: Callable[[_N], _T]) -> Callable[[_N], _T]:
    """Return a function of a node that keeps its results with the nodes; for trees that nobody changes."""
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def recall(node: _N) -> _T:
        known = node.__dict__
        if key not in known:
            known[key] = function(node)
        found: _T = known[key]
        return found

    return recall


def walk(node: nodes.Node) -> Iterator[tuple[nodes.Node, tuple[nodes.Node, ...]]]:
    """Yield each node below `node` with its ancestors, outermost first."""
    return iter(_whole(node)) if isinstance(node, nodes.Template) else _walk(node)


@remembered
def _whole(tree: nodes.Template) -> list[tuple[nodes.Node, tuple[nodes.Node, ...]]]:
    return list(_walk(tree))


def _walk(node: nodes.Node) -> Iterator[tuple[nodes.Node, tuple[nodes.Node, ...]]]:
    stack: list[tuple[nodes.Node, tuple[nodes.Node, ...]]] = [(node, ())]
    while stack:
        current, above = stack.pop()
        yield current, above
        children = list(current.iter_child_nodes())
        stack.extend((child, (*above, current)) for child in reversed(children))


def branches(node: nodes.Node) -> list[list[nodes.Node]]:
    """Return the bodies of statements that `node` holds, in source order; none for an output."""
    if isinstance(node, nodes.If):
        return [node.body, *(part.body for part in node.elif_), *([node.else_] if node.else_ else [])]
    if isinstance(node, nodes.For):
        return [node.body, *([node.else_] if node.else_ else [])]
    body = getattr(node, "body", None)
    return [body] if isinstance(body, list) else []
