r"""Line ends of Windows in the template.

## What it finds

`\r\n`, or `\r` alone, in the stored text.

## Why training suffers

It does not in transformers, where Jinja reads every line end as `\n`. An engine that does not, prints the `\r`
between the lines, and gives the model tokens that it never saw.

## What to do

Save the file with `\n` as line end.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity, Span
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for a text with carriage returns."""
    if "\r" in subject.template.source:
        yield Hit(
            Span(0, 0),
            "The template has carriage returns, which Jinja reads as line ends and others may print.",
        )


RULE = Rule(
    "SHP006",
    "carriage-returns",
    Severity.INFO,
    cure="Save the file with \\n as line end.",
    cases=Cases(
        good=(Case("a\n{{ messages }}\n"), Case("{{ '\\r\\n' }}")),
        bad=(Case("a\r\n{{ messages }}\r\n", underlined=("",)),),
    ),
    check=check,
)
