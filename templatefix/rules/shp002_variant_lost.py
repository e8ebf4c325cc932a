"""A named variant that no loader reaches any more.

## What it finds

A variant such as `tool_use` or `default` in `tokenizer_config.json`, beside a `chat_template.jinja` or an additional
template. transformers then replaces the inline templates whole: what has no file of its own is gone. It is an error
where the variant is `default`.

## Why training suffers

Conversations with tools are rendered through `default` instead of `tool_use`, without a word. Without a `default`,
`apply_chat_template` raises, or takes whichever variant is named.

## What to do

Give the variant a file: `additional_chat_templates/NAME.jinja`, or `chat_template.jinja` for `default`.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.places import ADDITIONAL, INLINE, JINJA, stored
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for a template that is not used while none of its name is."""
    template = subject.template
    used = [each for each in subject.beside if each.effective]
    if template.effective or not used or any(each.name == template.name for each in used):
        return
    yield Hit(
        message_loop(subject.source),
        f"The variant {template.name!r} is lost: {used[0].label} makes transformers pass over all templates "
        "in this place, and no file has one of this name.",
        severity=Severity.ERROR if template.name == "default" else Severity.WARNING,
    )


_RAG = f"{ADDITIONAL}/rag.jinja"

RULE = Rule(
    "SHP002",
    "variant-lost",
    Severity.ERROR,
    cure=f"Give the variant a file of its own: {ADDITIONAL}/NAME.jinja, or {JINJA} for `default`.",
    cases=Cases(
        good=(
            Case("a", place=INLINE, name="tool_use", beside=(stored("b", INLINE),)),
            Case("a", place=INLINE, effective=False, beside=(stored("b", JINJA),)),
            Case("a", place=INLINE, effective=False),
        ),
        bad=(
            Case(
                "{% for m in messages %}{{ m.content }}{% endfor %}",
                place=INLINE,
                name="tool_use",
                effective=False,
                beside=(stored("b", JINJA), stored("c", INLINE, effective=False)),
                underlined=("{% for m in messages %}",),
                severity=Severity.WARNING,
            ),
            Case("a", place=INLINE, effective=False, beside=(stored("b", _RAG, "rag"),), underlined=("",)),
        ),
    ),
    check=check,
)
