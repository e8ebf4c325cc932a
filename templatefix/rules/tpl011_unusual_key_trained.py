"""What stands under an unusual key of an assistant's message is printed as the assistant's words.

## What it finds

A template that prints, within an assistant's turn, what a message holds under keys besides the content, the tool calls
and the reasoning, or in parts of the content that are no text.

## Why training suffers

Nothing but the key says who wrote it. A call under a name of its own is the model's; what a tool printed, or what was
retrieved, is not, and the model learns to make it up.

## What to do

Look at what your data has under these keys. What the model did not write belongs in a message of the tool's role.
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
    yield from noted(subject, "unusual-key-trained", message_loop(subject.source))


_STDOUT = chat(HEADER + MARKED.replace(SAID, f"{SAID} + (m.stdout or '')"))


RULE = Rule(
    "TPL011",
    "unusual-key-trained",
    Severity.INFO,
    cure="Look at what your data has under these keys, and leave out what the model did not write.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_STDOUT, underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
