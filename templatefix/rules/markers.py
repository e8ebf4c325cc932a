"""Marker tags in the tree and in the text, and how transformers and TRL look for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import nodes

from templatefix.model import Span
from templatefix.syntax import Body, Source, is_generation, span_of, walk
from templatefix.syntax.lexer import Lexeme

# `re.search` of the whole text in transformers.utils.chat_template_utils.render_jinja_template and in
# trl.chat_template_utils.has_generation_markers. The two mean the same; tests compare them with the packages.
TRANSFORMERS = re.compile(r"\{\%-?\s*generation\s*-?\%\}")
TRL = re.compile(r"\{%-?\s*generation\s*-?%\}")


@dataclass(frozen=True, slots=True)
class Marker:
    """One `{% generation %}` block of the tree.

    Args:
        node (`jinja2.nodes.CallBlock`): The block.
        above (`tuple[jinja2.nodes.Node, ...]`): Its ancestors, outermost first.
        opening (`Span`): The `{% generation %}` tag.
    """

    node: nodes.CallBlock
    above: tuple[nodes.Node, ...]
    opening: Span


def opening(node: nodes.Node, body: list[nodes.Node]) -> Span:
    """The span of the tag that opens the first body of a statement."""
    assert isinstance(body, Body)
    return Span(span_of(node).start, body.start)


def markers(source: Source) -> tuple[Marker, ...]:
    """The generation blocks of a tree, in source order."""
    return tuple(
        Marker(node, above, opening(node, node.body))
        for node, above in walk(source.tree)
        if isinstance(node, nodes.CallBlock) and is_generation(node)
    )


def prints(body: Iterable[nodes.Node]) -> bool:
    """Whether statements print anything but whitespace, as far as the tree tells."""
    return any(
        _prints(node) and not any(isinstance(each, nodes.Macro | nodes.AssignBlock) for each in above)
        for statement in body
        for node, above in walk(statement)
    )


def _prints(node: nodes.Node) -> bool:
    if isinstance(node, nodes.TemplateData):
        return bool(node.data.strip())
    if isinstance(node, nodes.Output):
        return not isinstance(node.nodes[0], nodes.TemplateData)
    return isinstance(node, nodes.CallBlock) and not is_generation(node)


@dataclass(frozen=True, slots=True)
class Tag:
    """A block tag as it stands in the text.

    Args:
        name (`str`): The tag's first word, for example `endif`.
        span (`Span`): From `{%` to `%}`.
    """

    name: str
    span: Span


def tags(lexemes: Sequence[Lexeme]) -> Iterator[Tag]:
    """Yield the block tags of a template; works where the parser gives up."""
    start, name = 0, ""
    visible = [lexeme for lexeme in lexemes if lexeme.kind != "whitespace"]
    for before, lexeme in pairwise(visible):
        if before.kind == "block_begin":
            start, name = before.span.start, lexeme.text
        if lexeme.kind == "block_end":
            yield Tag(name, Span(start, lexeme.delimiter.end))
