"""The beginning of an assistant's turn is not trained.

## What it finds

A marker that begins after the model has begun to write: text that inference does not prepend stands before it.

## Why training suffers

At inference the model must write that text itself, right after the header, and it has never been asked to.

## What to do

Begin the marker right after the header, or make the generation prompt print the text too.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(
        subject, "beginning-untrained", "Inference does not prepend it; the model has to write it."
    )


RULE = Rule(
    "MSK008",
    "beginning-untrained",
    Severity.ERROR,
    cure="Begin the marker right after what `add_generation_prompt` prints.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat("    {{- '<|assistant|><answer>' }}\n" + MARKED), underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
