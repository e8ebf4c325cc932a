"""A stored template that another file shadows, with another text.

## What it finds

A template that transformers does not use because `chat_template.jinja`, an additional template or the processor's own
file takes its place, and which differs from the one that is used, markers aside (GEN009 looks at those). It is often
what an older version left behind.

## Why training suffers

Not every program looks in the same order: llama.cpp's converter takes the inline template first. Such a program, and
transformers as soon as the other file is missing, renders another text than the one you trained on.

## What to do

Delete the template that is not used, or give it the same text.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.errors import SyntaxProblem
from templatefix.model import Severity, Template
from templatefix.rules.loop import message_loop
from templatefix.rules.places import INLINE, JINJA, stored
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import parse, same_without_markers


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for a template that is not used, where the used one of its name differs."""
    template = subject.template
    if template.effective:
        return
    used = next((each for each in subject.beside if each.effective and each.name == template.name), None)
    if used is not None and not _same(subject, used):
        yield Hit(
            message_loop(subject.source),
            f"transformers does not use this template but {used.label}, and the texts differ: "
            "programs that look in another order render another text.",
        )


def _same(subject: Subject, used: Template) -> bool:
    try:
        return same_without_markers(subject.source, parse(used.source))
    except SyntaxProblem:
        return False


_A, _B = "{{ messages }}", "{{ messages[0] }}"

RULE = Rule(
    "SHP001",
    "shadowed-template",
    Severity.WARNING,
    cure="Delete the template that is not used, or give it the same text.",
    cases=Cases(
        good=(
            Case(_A, place=INLINE, effective=False, beside=(stored(_A, JINJA),)),
            Case("a\nb", place=INLINE, effective=False, beside=(stored("a\r\nb", JINJA),)),
            Case(_A, place=INLINE, effective=False, beside=(stored(_B, JINJA, "rag"),)),
            Case(
                _A,
                place=INLINE,
                effective=False,
                beside=(stored("{% generation %}" + _A + "{% endgeneration %}", JINJA),),
            ),
            Case(_A, place=JINJA, beside=(stored(_B, INLINE, effective=False),)),
        ),
        bad=(
            Case(
                "{% for m in messages %}{{ m.content }}{% endfor %}",
                place=INLINE,
                effective=False,
                beside=(stored(_B, JINJA),),
                underlined=("{% for m in messages %}",),
            ),
        ),
    ),
    check=check,
)
