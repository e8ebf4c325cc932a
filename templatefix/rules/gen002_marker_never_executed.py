"""A marker stands where Jinja does not run it: in a comment, a raw block or a string.

## What it finds

Text that looks like `{% generation %}` inside `{# … #}`, `{% raw %}` or a string literal. It is an error
where the template has no real marker, and a warning beside real ones. Beside real ones a comment that
talks about the markers is left alone; one that holds nothing but template code is reported.

## Why training suffers

transformers and TRL look for the marker with a regular expression over the whole text, comments included.
Both take such a template for a marked one, and the mask is all zeros: transformers does not warn, and TRL
does not swap the template but raises `RuntimeError` at the first row. A marker in a raw block or a printed
string also puts its own letters into the prompt.

## What to do

Make it a real tag, or reword the comment without the `{% … %}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from templatefix.model import Severity, Span
from templatefix.rules.markers import TRANSFORMERS
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject

_WHERE = {"comment": "a comment", "string": "a string literal", "data": "a raw block"}
_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the matches of transformers' expression that are no tags."""
    for found in TRANSFORMERS.finditer(subject.text):
        lexeme = subject.source.lexeme_at(found.start())
        if lexeme.kind not in _WHERE:
            continue
        where = _WHERE[lexeme.kind]
        span = Span(*found.span())
        if not subject.markers:
            yield Hit(
                span,
                f"This marker stands in {where} and is never executed, and the template has no other: "
                "transformers and TRL take it for marked, and the mask is all zeros.",
            )
        elif lexeme.kind != "comment" or not _CODE.sub("", lexeme.text).strip():
            yield Hit(
                span,
                f"This marker stands in {where} and is never executed; what it should cover is not trained.",
                severity=Severity.WARNING,
            )


RULE = Rule(
    "GEN002",
    "marker-never-executed",
    Severity.ERROR,
    cure="Make it a real tag, or write the word without `{% … %}`.",
    cases=Cases(
        good=(
            Case("{# Adds {% generation %} markers. #}{% generation %}{{ messages }}{% endgeneration %}"),
            Case("{# generation #}{{ 'generation' }}{% raw %}{{ generation }}{% endraw %}"),
            Case("{# {%+ generation %} is seen by nobody #}"),
        ),
        bad=(
            Case("{# Put {% generation %} here. #}\n{{ messages }}\n", underlined=("{% generation %}",)),
            Case("{% raw %}{%- generation -%}{% endraw %}{{ messages }}", underlined=("{%- generation -%}",)),
            Case("{{ '{% generation %}' ~ messages }}", underlined=("{% generation %}",)),
            Case(
                "{# {% generation %}{{ a }}{% endgeneration %} #}{% generation %}{{ b }}{% endgeneration %}",
                underlined=("{% generation %}",),
                severity=Severity.WARNING,
            ),
            Case(
                "{{ 'Use {%generation%}' }}{% generation %}{{ b }}{% endgeneration %}",
                underlined=("{%generation%}",),
                severity=Severity.WARNING,
            ),
        ),
    ),
    check=check,
)
