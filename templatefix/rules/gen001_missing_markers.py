"""No `{% generation %}` marker in the template.

## What it finds

A template whose parsed tree holds no generation block. Where another variant of the same target is marked,
GEN009 reports it instead.

## Why training suffers

`return_assistant_tokens_mask=True` returns a mask of zeros, with one warning a process. TRL's
`assistant_only_loss=True` looks the whole text up among its own templates and raises `ValueError` when it is
not there. Frameworks that fall back to "train on everything" do so silently: user turns, tool results and
system prompts become targets.

## What to do

Put `{% generation %}` right after the text that inference prepends (the role header) and
`{% endgeneration %}` right after the end-of-turn token. `templatefix fix` places and proves them.
Templates of guard, judge and reranker models quote assistant text as input; those must stay unmarked.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for a template without generation blocks."""
    if subject.markers or subject.marked_sibling:
        return
    yield Hit(
        message_loop(subject.source),
        "No generation block: the assistant mask of every conversation is all zeros, "
        "and nothing tells what the model writes from what it reads.",
    )


RULE = Rule(
    "GEN001",
    "missing-markers",
    Severity.ERROR,
    cure="Run `templatefix fix`, or put what the model writes between `{% generation %}` and "
    "`{% endgeneration %}`.",
    cases=Cases(
        good=(
            Case(
                "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content }}</s>{% endgeneration %}"
                "{% endfor %}"
            ),
            Case("{{ messages }}", siblings=("{% generation %}{{ messages }}{% endgeneration %}",)),
        ),
        bad=(
            Case(
                "{% for message in messages %}\n<|{{ message.role }}|>{{ message.content }}</s>\n"
                "{% endfor %}\n",
                underlined=("{% for message in messages %}",),
            ),
            Case(
                "{%- set chat = messages[1:] -%}\n{% set kit = tools %}"
                "{%- for m in chat[::-1] -%}{% set n = m %}{% endfor %}"
                "{%- for tool in kit %}{{ tool }}{% endfor %}{%- for m in chat -%}{{ m }}{% endfor %}",
                underlined=("{%- for m in chat -%}",),
            ),
            Case(
                "{% for m in messages %}{% set n = m %}{% endfor %}", underlined=("{% for m in messages %}",)
            ),
            Case("{{ bos_token }}{# {% generation %} #}", underlined=("",)),
            Case("{{ messages }}", siblings=("{{ messages[0] }}",), underlined=("",)),
        ),
    ),
    check=check,
)
