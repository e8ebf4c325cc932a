"""Whitespace after the end of turn is trained.

## What it finds

A marker that covers the newline after the end-of-turn token as well.

## Why training suffers

Inference stops at the end-of-turn token, so the model never writes what follows. One token a turn is trained in
vain; where the newline merges with the next header, that token is trained too.

## What to do

End the marker right after the end-of-turn token and print the newline behind it. Many published templates, TRL's
among them, include it. That is harmless, so it is an info; `templatefix verify --whitespace excluded` refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import hits
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    found = [check for check in subject.verdict.checks if check.fault == "whitespace-trained"]
    if subject.markers:
        yield from hits(subject, found, "whitespace-trained", "Generation has stopped before it.")


RULE = Rule(
    "MSK010",
    "whitespace-trained",
    Severity.INFO,
    cure="End the marker before the whitespace.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(
            Case(chat(HEADER + MARKED.replace("<|end|>", "<|end|>\\n")), underlined=("{%- generation %}",)),
        ),
    ),
    check=check,
    renders=True,
)
