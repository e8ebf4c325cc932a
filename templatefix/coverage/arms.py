"""Texts that an output prints, each with the inline `if` that decides it: `{{ header if first else '' }}`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from jinja2 import nodes

from templatefix.syntax import span_of


class Text(NamedTuple):
    """A text that an output prints.

    Args:
        at (`int` or `str`): What a render names as its origin: a literal's source offset, or a variable.
        value (`str`): The literal's value, or the variable.
        test (`jinja2.nodes.Expr`, *optional*): The test of the innermost inline if round it; `None` if there is none.
    """

    at: int | str
    value: str
    test: nodes.Expr | None


def texts_of(
    output: nodes.Output, variables: Collection[str], known: Callable[[nodes.Node], bool | None]
) -> list[Text]:
    """Return the texts that an output prints, as far as the tests of its inline ifs let them be printed.

    A text of whitespace is left out, and so is what a call or a filter computes from.

    Example:
        `{{ '<bos>' + ('A' if x else eos_token) }}` → `<bos>`, `A` under `x`, and `eos_token` under `x`

    Args:
        output (`jinja2.nodes.Output`): A stamped output.
        variables (`Collection[str]`): Names of special tokens.
        known (`Callable`): The truth of a test, `None` where it may be true or false.
    """

    def texts(node: nodes.Expr | None, test: nodes.Expr | None) -> Iterator[Text]:
        if isinstance(node, nodes.CondExpr):
            held = known(node.test)
            yield from texts(node.expr1, node.test) if held is not False else ()
            yield from texts(node.expr2, node.test) if held is not True else ()
        elif isinstance(node, nodes.Add):
            yield from texts(node.left, test)
            yield from texts(node.right, test)
        elif isinstance(node, nodes.Concat):
            for each in node.nodes:
                yield from texts(each, test)
        elif isinstance(node, nodes.Const) and isinstance(node.value, str) and node.value.strip():
            yield Text(span_of(node).start + 1, node.value, test)  # behind the quote
        elif isinstance(node, nodes.Name) and node.name in variables:
            yield Text(node.name, node.name, test)

    data = [
        Text(span_of(node).start, node.data, None)
        for node in output.nodes
        if isinstance(node, nodes.TemplateData) and node.data.strip()
    ]
    return [*data, *(text for node in output.nodes for text in texts(node, None))]
