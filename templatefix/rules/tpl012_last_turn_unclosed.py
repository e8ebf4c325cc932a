"""An end of turn closes the assistant's turns, but not the one that a conversation ends with.

## What it finds

A template that prints the end of turn between turns, or with the next one, and nothing after the last answer.

## Why training suffers

A conversation usually ends with an answer, and many have no other: of those the model does not learn to stop, however
right the markers are.

## What to do

Print the end of turn after every turn of the assistant, or append it when the conversation is made: `templatefix fix`
adds no text.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import MARKED, RIGHT, RIGHT_OR_PLAIN
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "last-turn-unclosed", message_loop(subject.source))


_BETWEEN = RIGHT.replace(MARKED, MARKED.replace(" + '<|end|>'", " + ('' if loop.last else '<|end|>')"))

RULE = Rule(
    "TPL012",
    "last-turn-unclosed",
    Severity.WARNING,
    cure="Print the end of turn after the last answer too, inside the marker.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_BETWEEN, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
