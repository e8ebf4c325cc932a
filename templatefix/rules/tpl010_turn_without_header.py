"""An assistant's turn follows another message's text at once.

## What it finds

A template that prints, in some conversations, nothing between another message's text and the assistant's: no header, no
end of turn. Often it is an assistant that speaks first, behind a system message.

## Why training suffers

One token may hold the end of the one text and the beginning of the other. It is trained, for a mask holds whole tokens,
and the model learns to write the end of what it reads.

## What to do

Print a header before every turn, or leave such conversations out of the data.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "turn-without-header", message_loop(subject.source))


_OPENS = "    {%- if not loop.first and messages[loop.index0 - 1].role != 'system' %}\n"
_BARE = chat(_OPENS + HEADER + "    {%- endif %}\n" + MARKED).replace(
    f"{SAID} + '<|end|>' }}}}\n{{%- endif %}}",
    f"{SAID} + ('' if m.role == 'system' else '<|end|>') }}}}\n{{%- endif %}}",
)


RULE = Rule(
    "TPL010",
    "turn-without-header",
    Severity.INFO,
    cure="Print a header before every turn of the assistant.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_BARE, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
