"""The template prints the date of the day.

## What it finds

A template that calls `strftime_now`.

## Why training suffers

The same row is another text tomorrow: caches miss, masks made on two days differ in length, and a model that is
trained in one week sees one date only.

## What to do

Pass a fixed date if the template takes one, or render the dataset once.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from templatefix.model import Severity, Span
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import span_of, walk


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit, where the date is asked for."""
    names = (node for node, _ in walk(subject.source.tree) if isinstance(node, nodes.Name))
    place = next((span_of(name) for name in names if name.name == "strftime_now"), Span(0, 0))
    yield from noted(subject, "prints-the-date", place)


_DATE = "{{- strftime_now('%d %B %Y') }}\n"

RULE = Rule(
    "TPL007",
    "prints-the-date",
    Severity.INFO,
    cure="Pass a fixed date where the template takes one, or render the dataset once.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat(HEADER + MARKED, before=_DATE), underlined=("strftime_now",)),),
    ),
    check=check,
    renders=True,
)
