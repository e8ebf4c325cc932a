"""Tokenizer and processor of one model load two different templates.

## What it finds

A template in `processor_config.json` or `chat_template.json` that the processor loads, beside another text that the
tokenizer loads.

## Why training suffers

Masks and text depend on which of the two a script happens to call: you train with one template, and serve another.

## What to do

Keep one of the two; best `chat_template.jinja`, which both read.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.places import INLINE, JINJA, LEGACY, PROCESSOR, parts, same_text, stored
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for the processor's template where the tokenizer's differs."""
    template = subject.template
    if not template.effective or parts(template)[1] not in (PROCESSOR, LEGACY):
        return
    for other in subject.beside:
        same = other.name == template.name and same_text(other, template)
        if other.effective and other.name == template.name and not same:
            yield Hit(
                message_loop(subject.source),
                f"A processor loads this template, and a tokenizer {other.label}: the texts differ.",
            )
            return


RULE = Rule(
    "SHP003",
    "consumers-disagree",
    Severity.WARNING,
    cure=f"Keep one of the two; best {JINJA}, which both read.",
    cases=Cases(
        good=(
            Case("a", place=LEGACY, beside=(stored("a", JINJA),)),
            Case("a", place=PROCESSOR, beside=(stored("b", JINJA, "rag"),)),
            Case("a", place=PROCESSOR, beside=(stored("b", INLINE, effective=False),)),
            Case("a", place=JINJA, beside=(stored("b", LEGACY),)),
        ),
        bad=(
            Case(
                "{% for m in messages %}{{ m.content }}{% endfor %}",
                place=LEGACY,
                beside=(stored("b", JINJA),),
                underlined=("{% for m in messages %}",),
            ),
        ),
    ),
    check=check,
)
