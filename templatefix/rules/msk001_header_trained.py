"""The role header of an assistant's turn is trained.

## What it finds

A marker that begins before the text that inference prepends to a turn has ended.

## Why training suffers

Inference writes the header itself (`add_generation_prompt=True`). Its tokens are the same in every turn, so they
lower the loss without teaching anything, and a model that is trained to write them may open a turn of its own.

## What to do

Begin the marker right after the header. Where header and content are one output, split it; `templatefix fix` does.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, PLAIN, RIGHT, SAID, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(
        subject, "header-trained", "Inference prepends the header; the model must not learn to write it."
    )


_WHOLE = chat(
    "    {%- generation %}\n"
    f"    {{{{- '<|assistant|>' + {SAID} + '<|end|>' }}}}\n    {{%- endgeneration %}}\n"
)

RULE = Rule(
    "MSK001",
    "header-trained",
    Severity.ERROR,
    cure="Begin the marker right after the header that inference prepends.",
    cases=Cases(
        good=(
            Case(RIGHT),
            Case(PLAIN),
            Case(chat(HEADER + MARKED, before="{{- bos_token }}\n")),
        ),
        bad=(Case(_WHOLE, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
