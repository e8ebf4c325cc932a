"""An additional template whose file name means something else to transformers.

## What it finds

`additional_chat_templates/default.jinja` beside `chat_template.jinja`, which it overrides, and
`additional_chat_templates/file.jinja`, whose name is a key that transformers itself uses for `chat_template.jinja`.

## Why training suffers

The template that everybody looks at, `chat_template.jinja`, is not the one that renders.

## What to do

Rename the file, or put its text into `chat_template.jinja`.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.places import ADDITIONAL, INLINE, JINJA, is_additional, parts, stored
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for an additional template called `default` or `file`."""
    if not is_additional(subject.template):
        return
    has_main = any(parts(each)[1] == JINJA for each in subject.beside)
    if subject.template.name == "file":
        what = f"transformers uses the name `file` itself: it takes this template for {JINJA}."
    elif subject.template.name == "default" and has_main:
        what = f"This template overrides {JINJA}."
    else:
        return
    yield Hit(message_loop(subject.source), what)


RULE = Rule(
    "SHP004",
    "name-collides",
    Severity.ERROR,
    cure=f"Rename the file, or put its text into {JINJA}.",
    cases=Cases(
        good=(
            Case("a", place=f"{ADDITIONAL}/rag.jinja", name="rag", beside=(stored("b", JINJA),)),
            Case("a", place=f"{ADDITIONAL}/default.jinja", beside=(stored("b", INLINE, effective=False),)),
            Case("a", place=INLINE, name="file"),
        ),
        bad=(
            Case(
                "{% for m in messages %}{{ m.content }}{% endfor %}",
                place=f"{ADDITIONAL}/default.jinja",
                beside=(stored("b", JINJA, effective=False),),
                underlined=("{% for m in messages %}",),
            ),
            Case("a", place=f"model/{ADDITIONAL}/file.jinja", name="file", underlined=("",)),
        ),
    ),
    check=check,
)
