"""Text in the middle of an assistant's turn is not trained.

## What it finds

Two markers in one turn, and between them text that the model has to write.

## Why training suffers

The model is not taught the text between: at inference it writes the first piece, and what comes next is a guess.

## What to do

Let one marker cover the whole turn, from the header to the end-of-turn token.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "turn-in-pieces", "The model does not learn what stands between.")


_PIECES = chat(
    f"{HEADER}    {{%- generation %}}\n    {{{{- {SAID} }}}}\n    {{%- endgeneration %}}\n    {{{{- '</answer>' }}}}\n"
    "    {% generation %}{{- '<|end|>' }}{% endgeneration %}\n"
)

RULE = Rule(
    "MSK011",
    "turn-in-pieces",
    Severity.ERROR,
    cure="Join the markers of one turn into one.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_PIECES, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
