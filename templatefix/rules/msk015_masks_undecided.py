"""Whether the masks are right could not be decided.

## What it finds

A marked template whose verdict is undecided, with the reason: a turn that cannot be told from the text round it, no
probe conversation of two turns that renders, or an output that may print a turn and that no probe reached.

## Why training suffers

Perhaps it does not. But nobody has looked: a mask that was not judged is not a mask that is right.

## What to do

Look at the masks of your own conversations, and read `templatefix verify`.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import nothing_rendered, undecided
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit with the reason; TPL008 tells of a template that does not render at all."""
    reason = undecided(subject.verdict)
    if subject.markers and reason and not nothing_rendered(subject.verdict):
        yield Hit(subject.markers[0].opening, f"The masks could not be judged: {reason}.")


_RARE = chat(
    HEADER + "    {%- if m.content is string and m.content | length > 999999 %}\n"
    "    {{- m.content }}\n    {%- endif %}\n" + MARKED
)

RULE = Rule(
    "MSK015",
    "masks-undecided",
    Severity.WARNING,
    cure="Read `templatefix verify`, and look at the masks of your own conversations.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(
            Case(
                _RARE,
                underlined=("{%- generation %}",),
            ),
        ),
    ),
    check=check,
    renders=True,
)
