"""`{% break %}` or `{% continue %}` inside a marker, for a loop outside it.

## What it finds

A loop control inside a generation block whose loop stands round the block. A loop that lies wholly inside
the marker may be left as usual.

## Why training suffers

Jinja compiles a generation block to a Python function, and a function cannot leave its caller's loop.
transformers raises `SyntaxError` on every call of `apply_chat_template`, with or without masks.

## What to do

End the marker before the loop control.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2 import nodes

from templatefix.model import Severity
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import is_generation, span_of, walk


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the loop controls that would have to cross a marker."""
    for node, above in walk(subject.source.tree) if subject.markers else ():
        if isinstance(node, nodes.Break | nodes.Continue) and _crosses(node, above):
            word = type(node).__name__.lower()
            yield Hit(
                span_of(node),
                f"`{word}` cannot leave the marker it stands in: transformers raises SyntaxError "
                "whenever it compiles this template.",
            )


def _crosses(control: nodes.Node, above: Sequence[nodes.Node]) -> bool:
    """Whether a marker stands between `control` and the loop it is for."""
    crossed = False
    child = control
    for parent in reversed(above):
        if is_generation(parent):
            crossed = True
        elif isinstance(parent, nodes.For) and not any(each is child for each in parent.else_):
            return crossed
        child = parent
    return False


RULE = Rule(
    "GEN005",
    "loop-control-inside-marker",
    Severity.ERROR,
    cure="End the marker before the loop control.",
    cases=Cases(
        good=(
            Case("{% for m in messages %}{% generation %}{{ m }}{% endgeneration %}{% break %}{% endfor %}"),
            Case(
                "{% generation %}{% for m in messages %}{% if m %}{% continue %}{% endif %}{{ m }}"
                "{% endfor %}{% endgeneration %}"
            ),
        ),
        bad=(
            Case(
                "{% for m in messages %}\n{% generation %}\n{{ m.content }}</s>\n"
                "{% if m.tool_calls %}{% break %}{% endif %}\n{% endgeneration %}\n{% endfor %}\n",
                underlined=("{% break %}",),
            ),
            Case(
                "{% for m in messages %}{% generation %}{% for part in m.content %}{{ part }}"
                "{% else %}{%- continue -%}{% endfor %}{% endgeneration %}{% endfor %}",
                underlined=("{%- continue -%}",),
            ),
        ),
    ),
    check=check,
)
