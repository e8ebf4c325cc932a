"""A marker in a form that Jinja runs but transformers' and TRL's search does not see.

## What it finds

`{%+ generation %}`, `{% generation +%}` and `{% generation: %}`, in a template without any marker of the form
that the search sees: `{% generation %}`, with or without `-` and spaces.

## Why training suffers

Both look for the marker with a regular expression that knows no `+` and no colon. TRL's
`assistant_only_loss=True` then takes the template for unmarked: it swaps in its own training template where
it knows the whole text, else raises `ValueError`. transformers warns about a missing keyword, and computes
the mask all the same.

## What to do

Write the tag without the sign. Where `+` keeps whitespace, write that whitespace as `{{ … }}`, or use `-`.
A safe fix is offered where the rendering stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from templatefix import edits
from templatefix.model import Edit, Fix, Safety, Severity, Span
from templatefix.rules.markers import TRANSFORMERS, TRL
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax.lexer import Lexeme
from templatefix.syntax.located import lex

_SIGNS = re.compile(r"\{%(-?).*?(-?)%\}", re.DOTALL)


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the real markers of a template in which the searches find nothing."""
    if TRANSFORMERS.search(subject.text) and TRL.search(subject.text):
        return
    for marker in subject.markers:
        yield Hit(
            marker.opening,
            "Jinja runs this marker, but the search of transformers and TRL does not see it: TRL takes the "
            "template for unmarked and swaps or refuses it.",
            fix=_fix(subject, marker.opening),
        )


def _fix(subject: Subject, tag: Span) -> Fix | None:
    """The plain form of the tag, if whitespace round it is treated alike."""
    plain = _SIGNS.sub(r"{%\1 generation \2%}", tag.of(subject.text))
    edit = Edit(tag, plain)
    after = lex(edits.apply(subject.text, [edit]))
    if _outside(subject.source.lexemes, tag) != _outside(after, Span(tag.start, tag.start + len(plain))):
        return None
    return Fix((edit,), Safety.SAFE, f"write `{plain}`")


def _outside(lexemes: tuple[Lexeme, ...], tag: Span) -> list[tuple[str, str]]:
    """All that the parser sees of the text round a tag."""
    return [(lexeme.kind, lexeme.text) for lexeme in lexemes if not tag.start <= lexeme.span.start < tag.end]


RULE = Rule(
    "GEN006",
    "marker-form-unseen",
    Severity.ERROR,
    cure="Write `{% generation %}` or `{%- generation -%}`.",
    cases=Cases(
        good=(
            Case("{%-generation-%}{{ messages }}{% endgeneration %}"),
            Case("{%+ generation %}{{ a }}{% endgeneration %}{% generation %}{{ b }}{% endgeneration %}"),
            Case("{% generation %}{{ messages }}{%+ endgeneration +%}"),
        ),
        bad=(
            Case("A:{%+ generation %}{{ messages }}{% endgeneration %}", underlined=("{%+ generation %}",)),
            Case("A:{% generation +%}\n{{ messages }}{% endgeneration %}", underlined=("{% generation +%}",)),
            Case(
                "{%+ generation: -%}{{ a }}{% endgeneration %}{%- generation:%}{{ b }}{% endgeneration %}",
                underlined=("{%+ generation: -%}", "{%- generation:%}"),
            ),
        ),
    ),
    check=check,
)
