"""Tool calls that the template prints are not trained.

## What it finds

A template that prints the arguments of tool calls outside its markers.

## Why training suffers

The model reads its calls and is never asked to write them. It learns to answer after a result that it would never
have asked for.

## What to do

Let the marker reach from the header to the end of turn, calls included.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "call-untrained", "The model does not learn to call tools.")


_CALLS = (
    "    {%- for call in m.tool_calls or [] %}\n"
    "    {{- '<call>' + call.function.arguments | tojson + '</call>' }}\n    {%- endfor %}\n"
)

RULE = Rule(
    "MSK004",
    "call-untrained",
    Severity.ERROR,
    cure="Extend the marker over the tool calls.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat(HEADER + _CALLS + MARKED), underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
