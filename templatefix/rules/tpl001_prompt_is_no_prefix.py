"""No generation prompt is the beginning of an assistant's turn.

## What it finds

A conversation in which a turn does not begin with what `add_generation_prompt=True` prints, whichever mode of
thinking is on.

## Why training suffers

The model is trained after one text and runs after another. Frameworks that mask by prefix difference mask the wrong
tokens or refuse.

## What to do

If the template is yours, let the generation prompt print what the assistant's turns begin with.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Claim, Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, chat
from templatefix.rules.masks import of_template
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the claim fails on a probe."""
    yield from of_template(subject, Claim.PROMPT_IS_PREFIX, "Training and inference differ.")


RULE = Rule(
    "TPL001",
    "prompt-is-no-prefix",
    Severity.INFO,
    cure="Let the generation prompt print what the assistant's turns begin with.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(
            Case(
                chat(HEADER + MARKED, prompt="{{- '<|assistant|><answer>' }}"),
                underlined=("{%- for m in messages %}",),
            ),
        ),
    ),
    check=check,
    renders=True,
)
