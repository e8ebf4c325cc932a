"""The template drops what the assistant says.

## What it finds

A template that prints plain conversations without any of the assistant's texts.

## Why training suffers

There is nothing to train: the answers are not in the text.

## What to do

Look at the form of content that the template expects: a string, or a list of parts.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import RIGHT_OR_PLAIN, chat
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import noted
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the probes showed it."""
    yield from noted(subject, "content-dropped", message_loop(subject.source))


RULE = Rule(
    "TPL003",
    "content-dropped",
    Severity.ERROR,
    cure="Print the assistant's content, in the form in which your messages hold it.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(chat("    {{- '<|assistant|><|end|>' }}\n"), underlined=("{%- for m in messages %}",)),),
    ),
    check=check,
    renders=True,
)
