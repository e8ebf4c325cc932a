"""A byte order mark at the beginning of the template.

## What it finds

The character U+FEFF before the first of the template, which some editors write into UTF-8 files.

## Why training suffers

transformers keeps it: every conversation begins with an invisible character, which the tokenizer turns into tokens of
its own. Other engines drop it, and so see another text.

## What to do

Save the file as UTF-8 without a byte order mark.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity, Span
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject

_BOM = "\ufeff"


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for a leading byte order mark."""
    if subject.template.source.startswith(_BOM):
        yield Hit(
            Span(0, 1), "The template begins with a byte order mark, and so does every text it renders."
        )


RULE = Rule(
    "SHP005",
    "byte-order-mark",
    Severity.WARNING,
    cure="Save the file as UTF-8 without a byte order mark.",
    cases=Cases(
        good=(Case("{{ messages }}"), Case("{{ messages }}\ufeff")),
        bad=(Case("\ufeff{{ messages }}", underlined=("\ufeff",)),),
    ),
    check=check,
)
