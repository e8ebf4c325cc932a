"""A marker round nothing, or round whitespace only.

## What it finds

A generation block in which the template prints nothing but literal whitespace.

## Why training suffers

An empty span is not ignored. transformers maps its end to the character before it: at the start of the text
that is an `OverflowError`, and where a token reaches across the place, that token is trained. TRL's
search sees a marker and takes the template for marked. What the model writes lies outside.

## What to do

Let the marker cover the assistant's text and its end-of-turn token, or take it out.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.markers import prints
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the markers that print nothing."""
    for marker in subject.markers:
        if not prints(marker.node.body):
            yield Hit(
                marker.opening,
                "This marker covers nothing: its span is empty or whitespace, and what the model writes "
                "is not trained.",
            )


RULE = Rule(
    "GEN010",
    "empty-marker",
    Severity.WARNING,
    cure="Let the marker cover the assistant's text and its end-of-turn token, or take it out.",
    cases=Cases(
        good=(
            Case("{% generation %}{{ messages }}{% endgeneration %}"),
            Case("{% generation %}{% if messages %}</s>{% endif %}{% endgeneration %}"),
            Case(
                "{% macro box() %}[{{ caller() }}]{% endmacro %}"
                "{% generation %}{% call box() %}{% endcall %}{% endgeneration %}"
            ),
        ),
        bad=(
            Case(
                "{% for m in messages %}\n{{ m.content }}{% generation %}{% endgeneration %}\n{% endfor %}\n",
                underlined=("{% generation %}",),
            ),
            Case(
                "{% generation %}\n {# none #}{% set x = 1 %}\n {% endgeneration %}{{ x is defined }}",
                underlined=("{% generation %}",),
            ),
            Case(
                "{{ a }}{% generation %}{% set x %}text{% endset %}{% endgeneration %}",
                underlined=("{% generation %}",),
            ),
            Case(
                "{{ a }}{% generation %}{% generation %}{% endgeneration %}{% endgeneration %}",
                underlined=("{% generation %}", "{% generation %}"),
            ),
        ),
    ),
    check=check,
)
