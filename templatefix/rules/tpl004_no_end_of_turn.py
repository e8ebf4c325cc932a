"""No text closes the assistant's turns.

## What it finds

A template in which nothing stands between what the assistant says and the next turn, or the end.

## Why training suffers

However the markers stand, the model is not taught to stop: there is no token to learn.

## What to do

Print an end-of-turn token after each assistant's turn, one that `generation_config.eos_token_id` holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import RIGHT, RIGHT_OR_PLAIN
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "no-end-of-turn", message_loop(subject.source))


_OPEN = RIGHT.replace(" + '<|end|>'", "")

RULE = Rule(
    "TPL004",
    "no-end-of-turn",
    Severity.WARNING,
    cure="Print an end-of-turn token after each assistant's turn, inside the marker.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_OPEN, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
