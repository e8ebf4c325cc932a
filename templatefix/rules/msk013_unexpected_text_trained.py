"""Text is trained that belongs to no assistant's turn.

## What it finds

Marked text outside every assistant's turn: a preamble, a list of tools, a token at the end of the conversation.

## Why training suffers

The model learns to write text that only the template prints.

## What to do

Take the marker away, or move it to the assistant's turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "unexpected-text-trained", "The model never has to write it.")


_BOS = "{% generation %}{{- bos_token }}{% endgeneration %}\n"

RULE = Rule(
    "MSK013",
    "unexpected-text-trained",
    Severity.ERROR,
    cure="Take this text out of the marker.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat(HEADER + MARKED, before=_BOS), underlined=("{% generation %}",)),),
    ),
    check=check,
    renders=True,
)
