"""Tool results are printed inside an assistant's turn.

## What it finds

A template that prints the result of a tool between two pieces of one assistant's turn, without a header of its own.

## Why training suffers

The model writes the pieces, and not the result between. A marker round the whole turn trains the result. The token
that opens the result may be what the model stops with: it may be marked or not.

## What to do

Mark the pieces one by one, and look at the masks round the results.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "tool-results-inside-turn", message_loop(subject.source))


_INSIDE = chat(
    HEADER + "    {%- for call in m.tool_calls or [] %}\n"
    "    {{- '<call>' + call.function.arguments | tojson + '</call>' }}\n    {%- endfor %}\n"
    "    {%- for next in messages[loop.index:] if m.tool_calls and next.role == 'tool' %}\n"
    "    {{- '<result>' ~ next.content ~ '</result>' }}\n    {%- endfor %}\n"
    f"    {{{{- {SAID} }}}}\n    {{%- if not m.tool_calls or not loop.last %}}{{{{- '<|end|>' }}}}{{%- endif %}}\n"
).replace("{%- else %}", "{%- elif m.role != 'tool' %}")


RULE = Rule(
    "TPL009",
    "tool-results-inside-turn",
    Severity.INFO,
    cure="Mark the pieces of the turn one by one, and leave the result out.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_INSIDE, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
