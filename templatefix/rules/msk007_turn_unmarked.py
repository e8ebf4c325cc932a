"""An assistant's turn that no marker covers.

## What it finds

A turn of a probe conversation in which nothing is marked, while the template has markers: those of a branch that
was forgotten, or all but the last turn.

## Why training suffers

Those turns are read and never learned. Where it is the last turn only that is marked, most of a long conversation
is lost; where it is a branch, one kind of turn is.

## What to do

Mark every branch that prints an assistant's turn.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "turn-unmarked", "This turn is read and never learned.")


_LAST = chat(
    f"{HEADER}    {{%- if loop.last %}}\n{MARKED}    {{%- else %}}\n"
    f"    {{{{- {SAID} + '<|end|>' }}}}\n    {{%- endif %}}\n"
)

RULE = Rule(
    "MSK007",
    "turn-unmarked",
    Severity.ERROR,
    cure="Mark every branch that prints an assistant's turn; `templatefix fix` finds them.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_LAST, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
