"""Take generation markers out again."""

from __future__ import annotations

from jinja2 import nodes

from templatefix.edits import Newlines
from templatefix.errors import TemplateFixError
from templatefix.model import Edit, Span, Template
from templatefix.syntax import Source, is_generation, parse, same_without_markers, span_of, walk


def strip(template: Template) -> str:
    """Return the template's source without generation tags; what it prints stays the same.

    Args:
        template ([`Template`]): A template, with or without markers.

    Raises:
        SyntaxProblem: The template does not parse.
        TemplateFixError: A tag cannot go without a change of the text around it.
    """
    source = parse(template.source, where=template.label)
    edits = [edit for node, _ in walk(source.tree) if is_generation(node) for edit in _tags(source, node)]
    after = Newlines.of(template.source).apply(edits)
    if not same_without_markers(source, parse(after)):
        raise TemplateFixError(
            "the markers cannot be taken out without changing the text around them",
            where=template.label,
            cure="take the original template from the repository's history instead.",
        )
    return after


def _tags(source: Source, node: nodes.Node) -> list[Edit]:
    """Remove the two tags of a block, with their lines where nothing else stands there."""
    assert isinstance(node, nodes.CallBlock)
    whole = span_of(node)
    start, end = node.body.start, node.body.end  # type: ignore[attr-defined]
    return [_removal(source, Span(whole.start, start)), _removal(source, Span(end, whole.end))]


def _removal(source: Source, tag: Span) -> Edit:
    text = source.text
    line_start = text.rfind("\n", 0, tag.start) + 1
    line_end = text.find("\n", tag.end)
    alone = (
        line_end >= 0 and not text[line_start : tag.start].strip() and not text[tag.end : line_end].strip()
    )
    if alone:
        return Edit(Span(line_start, line_end + 1), "")
    trimmed = text.startswith("\n", tag.end) and not text.endswith("-%}", 0, tag.end)  # by trim_blocks
    return Edit(Span(tag.start, tag.end + trimmed), "")
