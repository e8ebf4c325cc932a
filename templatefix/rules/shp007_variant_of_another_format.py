"""A named variant that writes turns with other tokens than the default.

## What it finds

A file of `additional_chat_templates/` that shares not one special token with the default template. It is often what an
older model left behind: `save_pretrained` writes `chat_template.jinja` anew, and deletes nothing beside it.

## Why training suffers

transformers takes `tool_use` whenever tools are given, without a word: part of the conversations is rendered in a
format, and trained on tokens, that the model does not know.

## What to do

Delete the file if it is of another model, or write it in the format of the default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.loop import message_loop
from templatefix.rules.places import ADDITIONAL, JINJA, is_additional, stored
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject

_TOKEN = re.compile(r"<[^<>\s{}%'\"]{1,40}>|\[/?[A-Z_]{2,40}\]")


def check(subject: Subject) -> Iterator[Hit]:
    """Yield one hit for an additional template whose tokens are all foreign to each default in use."""
    template = subject.template
    if not is_additional(template) or not template.effective or template.name == "default":
        return
    ours = set(_TOKEN.findall(template.source))
    defaults = [each for each in subject.beside if each.effective and each.name == "default"]
    theirs = set(_TOKEN.findall("".join(each.source for each in defaults)))
    if ours and theirs and not ours & theirs:
        yield Hit(
            message_loop(subject.source),
            f"The variant {template.name!r} writes {min(ours)} and the like, and none of the tokens of "
            f"{defaults[0].label}: perhaps an older model left it behind.",
        )


_PLACE = f"{ADDITIONAL}/tool_use.jinja"
_CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
_OTHER = "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"

RULE = Rule(
    "SHP007",
    "variant-of-another-format",
    Severity.WARNING,
    cure="Delete the file if it is of another model, or write it in the format of the default.",
    cases=Cases(
        good=(
            Case(_CHATML, place=_PLACE, name="tool_use", beside=(stored(_CHATML + "a", JINJA),)),
            Case("{{ messages }}", place=_PLACE, name="tool_use", beside=(stored(_CHATML, JINJA),)),
            Case(_CHATML, place=_PLACE, name="tool_use", beside=(stored(_OTHER, JINJA, effective=False),)),
            Case(_CHATML, place=JINJA, beside=(stored(_OTHER, _PLACE, "tool_use"),)),
        ),
        bad=(
            Case(
                _OTHER,
                place=_PLACE,
                name="tool_use",
                beside=(stored(_CHATML, JINJA),),
                underlined=("{% for m in messages %}",),
            ),
        ),
    ),
    check=check,
)
