"""The generation prompt is trained.

## What it finds

A marker round text that only `add_generation_prompt=True` prints, as seen by rendering. GEN007 finds most of
these in the source; this rule finds those that stand behind a variable.

## Why training suffers

A row that is prepared with a generation prompt trains a header without an answer.

## What to do

Take the generation prompt out of the marker.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.examples import PLAIN, RIGHT_OR_PLAIN
from templatefix.rules.masks import wrong
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject


def check(subject: Subject) -> Iterator[Hit]:
    """Yield a hit for each marker to blame."""
    yield from wrong(subject, "generation-prompt-trained", "Inference prints it; there is nothing to learn.")


_OPENS = (
    PLAIN.partition("{%- if add")[0]
    + "{%- set open = add_generation_prompt %}\n{%- if open %}\n    {%- generation %}\n    {{- '<|assistant|>' }}\n"
    "    {%- endgeneration %}\n{%- endif %}\n"
)

RULE = Rule(
    "MSK012",
    "generation-prompt-trained",
    Severity.ERROR,
    cure="Take the generation prompt out of the marker.",
    cases=Cases(
        good=RIGHT_OR_PLAIN,
        bad=(Case(_OPENS, underlined=("{%- generation %}",)),),
    ),
    check=check,
    renders=True,
)
