"""A turn is printed otherwise once messages follow it.

## What it finds

A conversation whose render is not the beginning of the render with more messages: reasoning is stripped from past
turns, or the last turn ends otherwise.

## Why training suffers

Training on all turns of such a conversation trains past turns in a form that inference never asks for: answers
without the reasoning they came from.

## What to do

Train on the last turn alone, split conversations into one row for each turn, or use a template that keeps the history.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Claim, Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import of_template
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the claim fails on a probe."""
    yield from of_template(
        subject,
        Claim.PREFIX_STABLE,
        "Trained on, it is a form that the model never writes.",
    )


_FORGETS = chat(
    HEADER + "    {%- if loop.last and m.reasoning_content %}\n"
    "    {{- '<think>' + m.reasoning_content + '</think>' }}\n    {%- endif %}\n"
    f"    {{{{- {SAID} + '<|end|>' }}}}\n"
)

RULE = Rule(
    "TPL002",
    "history-rewritten",
    Severity.INFO,
    cure="Train on one turn a row, or on a template that leaves past turns as they were.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_FORGETS, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
