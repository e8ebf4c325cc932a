"""Take generation markers out again."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from templatefix.edits import Newlines, apply
from templatefix.errors import TemplateFixError
from templatefix.model import Edit, Span, Template
from templatefix.syntax import Source, is_generation, parse, same_trees, same_without_markers, span_of, walk


def strip(template: Template, *, strict: bool = True) -> str:
    """Return the template's source without generation tags; what it prints stays the same.

    Args:
        template ([`Template`]): A template, with or without markers.
        strict (`bool`): Refuse also where a marker may change what it encloses, for example by a name set inside.

    Raises:
        SyntaxProblem: The template does not parse.
        TemplateFixError: A tag cannot go without a change of the text around it.
    """
    source = parse(template.source, where=template.label)
    tags = [tag for node, _ in walk(source.tree) if is_generation(node) for tag in _tags(node)]
    edits = [_comment(source, tag) for tag in tags]
    for at, tag in enumerate(tags):
        edits[at] = next(
            (
                edit
                for edit in _removals(source, tag)
                if same_trees(source, parse(apply(source.text, [*edits[:at], edit, *edits[at + 1 :]])))
            ),
            edits[at],
        )
    after = Newlines.of(template.source).apply(edits)
    same = same_without_markers if strict else same_trees
    if not same(source, parse(after)):
        raise TemplateFixError(
            "the markers cannot be taken out without changing the text around them",
            where=template.label,
            cure="take the original template from the repository's history instead.",
        )
    return after


def _tags(node: nodes.Node) -> list[Span]:
    """The two tags of a block."""
    assert isinstance(node, nodes.CallBlock)
    whole = span_of(node)
    start, end = node.body.start, node.body.end  # type: ignore[attr-defined]
    return [Span(whole.start, start), Span(end, whole.end)]


def _comment(source: Source, tag: Span) -> Edit:
    """A comment in place of a tag: it obeys the same whitespace control."""
    left, right = ("-" if each == "-" else "" for each in (tag.of(source.text)[2], tag.of(source.text)[-3]))
    return Edit(tag, f"{{#{left} {right}#}}")


def _removals(source: Source, tag: Span) -> Iterator[Edit]:
    """Ways to take a tag away, the tidiest first: with its line, alone, with the whitespace it trims."""
    text = source.text
    line_start = text.rfind("\n", 0, tag.start) + 1
    line_end = text.find("\n", tag.end)
    if line_end >= 0 and not text[line_start : tag.start].strip() and not text[tag.end : line_end].strip():
        yield Edit(Span(line_start, line_end + 1), "")
    trimmed = text.startswith("\n", tag.end) and not text.endswith("-%}", 0, tag.end)  # by trim_blocks
    yield Edit(Span(tag.start, tag.end + trimmed), "")
    before = len(text[: tag.start].rstrip())
    behind = len(text) - len(text[tag.end :].lstrip())
    for start, end in ((before, tag.end + trimmed), (tag.start, behind), (before, behind)):
        yield Edit(Span(start, end), "")
