"""Where a template goes through the conversation."""

from __future__ import annotations

from jinja2 import nodes

from templatefix.model import Span
from templatefix.rules.markers import opening
from templatefix.syntax import Source, walk


def message_loop(source: Source) -> Span:
    """The tag of the first loop over the messages that prints something, else of the first such loop.

    An empty span at the start where there is none. A loop over anything that was made from `messages` counts.
    """
    loops = []
    messages = {"messages"}
    for node, _ in walk(source.tree):
        if isinstance(node, nodes.Assign) and _names(node.node) & messages:
            messages |= _names(node.target)
        if isinstance(node, nodes.For) and _names(node.iter) & messages:
            loops.append(node)
    printing = (loop for loop in loops if any(isinstance(node, nodes.Output) for node, _ in walk(loop)))
    loop = next(printing, loops[0] if loops else None)
    return opening(loop, loop.body) if loop else Span(0, 0)


def _names(expression: nodes.Node) -> set[str]:
    return {node.name for node, _ in walk(expression) if isinstance(node, nodes.Name)}
