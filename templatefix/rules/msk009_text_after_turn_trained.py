"""Text after the end of an assistant's turn is trained.

## What it finds

A marker that reaches past the end-of-turn token into text of the next turn, such as its header.

## Why training suffers

The model learns to write on where it should stop: the header of the user's turn becomes part of its answer.

## What to do

End the marker right after the end-of-turn token.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "text-after-turn-trained", "The model learns to write on where it should stop.")


_AFTER = chat(
    f"{HEADER}    {{%- generation %}}\n    {{{{- {SAID} + '<|end|>' }}}}\n"
    "    {%- if loop.last %}{{- '<|bye|>' }}{%- endif %}\n    {%- endgeneration %}\n"
)

RULE = Rule(
    "MSK009",
    "text-after-turn-trained",
    Severity.ERROR,
    cure="End the marker right after the end-of-turn token.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_AFTER, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
