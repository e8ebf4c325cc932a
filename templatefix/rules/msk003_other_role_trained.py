"""Text of the user, the system or a tool is trained.

## What it finds

A marker that prints what another role says in at least one probe conversation, tool results included.

## Why training suffers

The model learns to write the user's questions, or to invent what a tool returns, instead of waiting for it.

## What to do

Move the marker into the branch that prints the assistant's message; keep tool results outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import PROMPT, RIGHT_OR_PLAIN, SAID
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "other-role-trained", "The model learns to speak for others.")


_ALL = (
    "{%- for m in messages %}\n    {{- '<|' + m.role + '|>' }}\n    {%- generation %}\n"
    f"    {{{{- {SAID} + '<|end|>' }}}}\n    {{%- endgeneration %}}\n{{%- endfor %}}\n"
    f"{{%- if add_generation_prompt %}}{PROMPT}{{%- endif %}}\n"
)

RULE = Rule(
    "MSK003",
    "other-role-trained",
    Severity.ERROR,
    cure="Let the marker cover what the assistant says, and nothing of another role.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_ALL, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
