"""The end of an assistant's turn is not trained.

## What it finds

A marker that ends before the text with which the model stops: an end-of-turn token, or what stands in its place.

## Why training suffers

The model is never taught to stop. After training it writes on: the next header, the user's next question.

## What to do

Let the marker reach to the end of the end-of-turn token, and no further.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "end-of-turn-untrained", "The model does not learn to stop.")


_SAYS = chat(
    f"{HEADER}    {{%- generation %}}\n    {{{{- {SAID} }}}}\n    {{%- endgeneration %}}\n"
    "    {{- '<|end|>' }}\n"
)

RULE = Rule(
    "MSK002",
    "end-of-turn-untrained",
    Severity.ERROR,
    cure="Let the marker end right after the end-of-turn token.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_SAYS, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
