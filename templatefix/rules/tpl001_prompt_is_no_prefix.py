"""No generation prompt is the beginning of an assistant's turn.

## What it finds

A conversation in which a turn does not begin with what `add_generation_prompt=True` prints, whichever mode of
thinking is on. It is a warning where most conversations show it, and an info where a few do.

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
from templatefix.rules.loop import message_loop
from templatefix.rules.masks import about, shortened
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit if the claim fails on a probe, and a warning if it fails on most."""
    checks = about(subject, Claim.PROMPT_IS_PREFIX)
    failed = [check for check in checks if check.outcome == "fails"]
    if failed:
        first = failed[0]
        message = (
            f"On {len(failed)} of {len(checks)} probes the generation prompt is not how an assistant turn starts: "
            f"the prompt is {shortened(repr(first.expected))}, the turn starts with {shortened(repr(first.actual))}. "
            "Training and inference differ."
        )
        severity = Severity.WARNING if 2 * len(failed) > len(checks) else Severity.INFO
        yield Hit(message_loop(subject.source), message, severity)


RULE = Rule(
    "TPL001",
    "prompt-is-no-prefix",
    Severity.WARNING,
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
