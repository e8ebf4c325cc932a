"""Not one probe conversation renders.

## What it finds

A template that raises on every probe conversation, goes over the limits of time and size, or compiles to no
program. The message names what it misses.

## Why training suffers

`apply_chat_template` raises in the same way, unless your data has the variable or the key that is missing.

## What to do

Pass the variable that the template asks for, or add the key to the messages; then judge your own conversations. Where
it goes over a limit, take out the loop or the sum that grows.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import nothing_rendered, shortened, undecided
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit with what the template raises."""
    if nothing_rendered(subject.verdict):
        reason = undecided(subject.verdict)
        yield Hit(message_loop(subject.source), f"Nothing could be judged: {shortened(reason, 240)}.")


RULE = Rule(
    "TPL008",
    "renders-nothing",
    Severity.ERROR,
    cure="Pass what the template asks for, or take out of it what stops it.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(
            Case(
                chat(HEADER + MARKED, before="{{- messages[0].speaker.name }}\n"),
                underlined=("{%- for m in messages %}",),
            ),
            Case("{% generation %}a{% break %}{% endgeneration %}", underlined=("",)),
        ),
    ),
    check=check,
    renders=True,
)
