"""Reasoning that the template prints is not trained.

## What it finds

A template that prints the reasoning of an assistant's message outside its markers.

## Why training suffers

The model learns answers that follow from a thought it was never asked to write. Where that is wanted, as with
reasoning from another model, this is no fault.

## What to do

Begin the marker before the reasoning, or leave it if only answers are to be trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(
        subject, "reasoning-untrained", "The model does not learn to reason its way to the answer."
    )


_THOUGHT = (
    "    {%- if m.reasoning_content %}\n"
    "    {{- '<think>' + m.reasoning_content + '</think>' }}\n    {%- endif %}\n"
)

RULE = Rule(
    "MSK005",
    "reasoning-untrained",
    Severity.WARNING,
    cure="Begin the marker before the reasoning, unless only answers are to be trained.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat(HEADER + _THOUGHT + MARKED), underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
