"""A marked output that no probe conversation reached.

## What it finds

An output inside a marker that an assistant's turn may print, and that none of the probe conversations made it print.

## Why training suffers

It need not: the output is marked, as it should be. Whether its marker begins and ends in the right place was not
tested.

## What to do

Look at the branch in question: under which condition does it run, and what does it print?
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each line named."""
    if subject.markers:
        yield from noted(subject, "marked-not-tested", subject.markers[0].opening)


_RARE = chat(
    HEADER + "    {% generation %}\n"
    "    {%- if m.content is string and m.content | length > 999999 %}{{- '(long)' }}{% endif %}\n"
    f"    {{{{- {SAID} + '<|end|>' }}}}{{% endgeneration %}}\n"
)

RULE = Rule(
    "MSK016",
    "marked-not-tested",
    Severity.INFO,
    cure="Look at the branch, and at the mask of a conversation that reaches it.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_RARE, underlined=("{% generation %}",)),),
    ),
    check=check,
    renders=True,
)
