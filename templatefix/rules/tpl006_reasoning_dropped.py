"""The template does not print reasoning.

## What it finds

A template that reads none of `reasoning_content`, `reasoning` and `thinking`.

## Why training suffers

On a dataset with such a field, the reasoning is lost without a word, and answers are trained alone.

## What to do

Nothing, if your data has no such field. Else put the reasoning into the content, or use a template that prints it.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "reasoning-dropped", message_loop(subject.source))


_THOUGHT = "    {{- m.reasoning_content or '' }}\n"

RULE = Rule(
    "TPL006",
    "reasoning-dropped",
    Severity.INFO,
    cure="Put reasoning into the content, or use a template that prints it, if your data has any.",
    cases=Cases(
        good=(Case(chat(HEADER + _THOUGHT + MARKED)),),
        bad=(Case(RIGHT, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
