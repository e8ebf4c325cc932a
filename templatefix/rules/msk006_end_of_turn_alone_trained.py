"""Of an assistant's turn nothing but its end is trained.

## What it finds

A turn of which the marker covers the end-of-turn token and nothing that the assistant says, in at least one probe
conversation. Turns of tool calls are often among them.

## Why training suffers

The only target is to stop. The mask is not empty, so no framework complains; the model learns to end a turn whose
text it never learned to write.

## What to do

Begin the marker right after the header, in every branch that prints a part of the turn.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "end-of-turn-alone-trained", "The only target is to stop.")


_STOPS = chat(
    f"{HEADER}    {{{{- {SAID} }}}}\n"
    "    {%- generation %}\n    {{- '<|end|>' }}\n    {%- endgeneration %}\n"
)

RULE = Rule(
    "MSK006",
    "end-of-turn-alone-trained",
    Severity.ERROR,
    cure="Begin the marker right after the header, before what the assistant says.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_STOPS, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
