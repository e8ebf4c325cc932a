"""The template does not print tool calls.

## What it finds

A template that renders messages with `tool_calls` and prints none of their arguments.

## Why training suffers

On a dataset with tools, turns that call one are empty: the model learns to stop where it should call.

## What to do

Nothing, if your data has no tool calls. Else use a template that prints them.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "tool-calls-dropped", message_loop(subject.source))


_CALLS = (
    HEADER + "    {%- for call in m.tool_calls or [] %}\n"
    "    {{- call.function.arguments | tojson }}\n    {%- endfor %}\n"
)

RULE = Rule(
    "TPL005",
    "tool-calls-dropped",
    Severity.INFO,
    cure="Use another template if your data has tool calls.",
    cases=Cases(
        good=(Case(chat(_CALLS + MARKED)),),
        bad=(Case(RIGHT, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
