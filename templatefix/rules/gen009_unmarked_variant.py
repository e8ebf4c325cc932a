"""A variant without markers, while another variant of the same target has them.

## What it finds

A template without a generation block beside one with: a named variant such as `tool_use`, or a stored copy
that another file shadows. It is a warning where transformers would not use the unmarked one.

## Why training suffers

transformers renders conversations with tools through `tool_use` where it exists. Those rows get a mask of
zeros while the others look right; TRL looks at `default` only. A shadowed copy comes back as soon as
the file that shadows it is missing, or for a consumer that reads the other place.

## What to do

Mark each variant; `templatefix fix` patches all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for an unmarked template that has a marked sibling."""
    marked = subject.marked_sibling
    if subject.markers or marked is None:
        return
    yield Hit(
        message_loop(subject.source),
        f"This variant has no generation block, but {marked.template.label} has: "
        "conversations rendered through this one get a mask of zeros.",
        severity=Severity.ERROR if subject.template.effective else Severity.WARNING,
    )


_MARKED = "{% generation %}{{ messages }}{% endgeneration %}"

RULE = Rule(
    "GEN009",
    "unmarked-variant",
    Severity.ERROR,
    cure="Mark this variant too; `templatefix fix` patches all of them.",
    cases=Cases(
        good=(
            Case(_MARKED, siblings=(_MARKED,)),
            Case("{{ messages }}", siblings=("{{ messages }}",)),
        ),
        bad=(
            Case(
                "{{ tools }}\n{% for m in messages %}\n{{ m.content }}</s>\n{% endfor %}\n",
                siblings=("{{ messages }}", _MARKED),
                underlined=("{% for m in messages %}",),
            ),
            Case(
                "{{ messages }}",
                siblings=(_MARKED,),
                effective=False,
                underlined=("",),
                severity=Severity.WARNING,
            ),
        ),
    ),
    check=check,
)
