"""Cut one output in two or three, so that a marker can stand between its parts."""

from __future__ import annotations

from itertools import pairwise

from jinja2 import nodes

from templatefix.model import Edit, Span
from templatefix.syntax import Source, span_of
from templatefix.syntax.chain import atoms, cut, is_literal, operators
from templatefix.synthesis.outputs import Cut
from templatefix.synthesis.parting import Parting, part
from templatefix.synthesis.writing import CannotWrite, before


def split(source: Source, output: nodes.Output, cuts: list[tuple[Cut | Parting, str]]) -> list[Edit]:
    """Return the edits that put tags into an output.

    Args:
        source (`Source`): The template.
        output (`jinja2.nodes.Output`): An output of one expression, or of template data.
        cuts (`list[tuple[Cut or Parting, str]]`): Where to cut, in order, and the tag to put there.

    Raises:
        CannotWrite: The output cannot be cut there.
    """
    expression = output.nodes[0]
    if len(output.nodes) != 1:
        line = source.position(span_of(output).start)[0]
        raise CannotWrite(f"line {line} prints several values in one tag", line)
    places = [(at, tag) for at, tag in cuts if isinstance(at, Cut)]
    if isinstance(expression, nodes.TemplateData):
        start = span_of(output).start
        return [_insertion(start + at.offset, before(source, start + at.offset, tag)) for at, tag in places]
    found = atoms(expression, source.text, source.markup)
    edits = [_cut(source, output, found, at, tag) for at, tag in places]
    partings = [(at, tag) for at, tag in cuts if isinstance(at, Parting)]
    if partings:
        edits += part(source, output, found, [at for at, _ in partings], _separator)
    return edits + _keep_strict(source, found, [at for at, _ in places], {at.atom for at, _ in partings})


def _insertion(offset: int, text: str) -> Edit:
    return Edit(Span(offset, offset), text)


def _cut(source: Source, output: nodes.Output, found: list[nodes.Expr], at: Cut, tag: str) -> Edit:
    separator = _separator(source, output, tag)
    if at.offset == 0:
        return Edit(Span(span_of(found[at.atom - 1]).end, span_of(found[at.atom]).start), separator)
    literal = span_of(found[at.atom])
    where = cut(literal, source.text, at.offset)
    if where is None or not is_literal(found[at.atom]):
        line = source.position(literal.start)[0]
        raise CannotWrite(f"the literal in line {line} cannot be cut", line)
    quote = source.text[literal.start]
    return _insertion(where, f"{quote}{separator}{quote}")


def _separator(source: Source, output: nodes.Output, tag: str) -> str:
    start = span_of(output).start
    line = source.text[source.text.rfind("\n", 0, start) + 1 : start]
    if source.text.startswith("{{-", start) and not line.strip() and "\n" in source.text:
        return f" }}}}\n{line}{{%- {tag} %}}\n{line}{{{{- "
    return f" }}}}{{% {tag} %}}{{{{ "


def _keep_strict(source: Source, found: list[nodes.Expr], cuts: list[Cut], parted: set[int]) -> list[Edit]:
    """Where a part is left without a literal, add an empty one: `'a' + none` raises, `{{ none }}` prints.

    So does taking apart what is no string.
    """
    strict = operators(found, source.text)
    edges = [Cut(0, 0), *cuts, Cut(len(found), 0)]
    edits = []
    for left, right in pairwise(edges):
        inside = range(left.atom, right.atom + (1 if right.offset else 0))
        bare = not any(is_literal(found[index]) for index in inside)
        if bare and any(strict[index] == "string" for index in inside if index not in parted):
            edits.append(_insertion(span_of(found[left.atom]).start, "'' + "))
    return edits
