"""A thinking prefill that some modes of inference prepend is trained.

## What it finds

A turn that begins with what the generation prompt prints in one mode and leaves to the model in another, such as an
empty `<think>` block, inside the marker.

## Why training suffers

Either side is defensible. Inside, the model learns to write the block itself, which it needs where inference does
not prepend it; where inference always does, these tokens are trained in vain.

## What to do

Nothing, if the model is to run in the mode without the prefill. Else begin the marker after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from templatefix.model import Severity
from templatefix.rules.examples import HEADER, MARKED, RIGHT_OR_PLAIN, SAID, chat
from templatefix.rules.masks import blamed, hits
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.rules.trial import tried


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker that only a stricter policy blames."""
    if not subject.markers or subject.policy.prefill != "either" or subject.verdict.outcome == "fails":
        return
    strict = tried(subject.text, subject.template, replace(subject.policy, prefill="outside"))
    yield from hits(
        subject, blamed(strict), "header-trained", "Some modes of inference prepend it, others do not."
    )


_EMPTY = "<think>\\n\\n</think>\\n\\n"
_THINKS = chat(
    HEADER + MARKED.replace(SAID, f"'{_EMPTY}' + {SAID}"),
    prompt="{{- '<|assistant|>' }}{%- if enable_thinking is false %}{{- '" + _EMPTY + "' }}{%- endif %}",
)

RULE = Rule(
    "MSK014",
    "prefill-trained",
    Severity.INFO,
    cure="Leave it, or begin the marker after the prefill if inference always prepends it.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_THINKS, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
