"""A name is set inside a marker and read after it.

## What it finds

`{% set x %}`, or a macro definition, inside a generation block whose name is read after
`{% endgeneration %}` in the same scope, with no other assignment certain to come in between. Attributes of
a namespace (`{% set ns.x = … %}`) reach out of a marker and are left alone.

## Why training suffers

A generation block is a scope of its own. Without the markers the read sees the new value, with them the
one from before the block, or nothing: the rendered text differs from what the model was trained on
and is prompted with.

## What to do

Move the assignment before `{% generation %}`, or keep the value in a `namespace`.
"""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Severity
from templatefix.rules.flow import leaks, read_after
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import span_of


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the assignments in markers that a later read misses."""
    for marker in subject.markers:
        for name, span in leaks(marker.node).items():
            read = read_after(name, marker.node, marker.above)
            if read is None:
                continue
            yield Hit(
                span,
                f"`{name}` is set inside a marker, which is a scope of its own; the read on line "
                f"{subject.line(span_of(read).start)} does not see it, and the rendered text changes.",
            )


_SET = "{% generation %}a{% set x = '1' %}{% endgeneration %}"

RULE = Rule(
    "GEN004",
    "name-set-inside-read-after",
    Severity.ERROR,
    cure="Move the assignment before `{% generation %}`, or keep the value in a `namespace`.",
    cases=Cases(
        good=(
            Case("{% set x = 1 %}{% generation %}{{ x }}{% endgeneration %}{{ x }}"),
            Case("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{% set x = 2 %}{{ x }}"),
            Case(
                "{% set ns = namespace(x=0) %}{% generation %}{% set ns.x = 1 %}{% endgeneration %}{{ ns.x }}"
            ),
            Case(
                "{% for m in messages %}{{ x }}{% generation %}{% set x = m.content %}{{ x }}"
                "{% endgeneration %}{% endfor %}{{ x }}"
            ),
            Case(
                "{% if messages %}{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}"
                "{% else %}{{ x }}{% endif %}"
            ),
            Case(
                "{% generation %}{% for m in messages %}{% set x = m %}{% endfor %}{% endgeneration %}{{ x }}"
            ),
            Case(f"{_SET}{{% if a %}}{{% set x = 2 %}}{{% else %}}{{% set x = 3 %}}{{% endif %}}{{{{ x }}}}"),
            Case(f"{_SET}{{% for x in messages if x %}}{{{{ x }}}}{{% endfor %}}"),
            Case(f"{_SET}{{% macro f(x) %}}{{{{ x }}}}{{% endmacro %}}{{{{ f(a) }}}}"),
        ),
        bad=(
            Case(
                "{% set stop = '' %}\n{% generation %}\n{% set stop = '</s>' %}\n{{ messages[1].content }}\n"
                "{% endgeneration %}\n{{ stop }}\n",
                underlined=("stop",),
            ),
            Case(
                "{% for m in messages %}{% if loop.first %}{% generation %}{% set a, b = 'x', 'y' %}{{ a }}"
                "{% endgeneration %}{% endif %}{% if a %}{% set a = 'z' %}{% endif %}{{ b }}{% endfor %}",
                underlined=("a", "b"),
            ),
            Case(
                "{% generation %}{% macro hi() %}hi{% endmacro %}{{ hi() }}{% endgeneration %}"
                "{{ hi() if hi else 'ho' }}",
                underlined=("{% macro hi() %}",),
            ),
            Case(
                "{% generation %}{% if messages %}{% set t %}text{% endset %}{% endif %}{% endgeneration %}"
                "{% generation %}{{ t }}{% endgeneration %}",
                underlined=("t",),
            ),
            Case(
                f"{_SET}{{% generation %}}{{% set x = 2 %}}b{{% endgeneration %}}{{{{ x }}}}",
                underlined=("x",),
            ),
            Case(f"{_SET}{{% if not a %}}{{% set x = 2 %}}{{% endif %}}{{{{ x }}}}", underlined=("x",)),
            Case(
                f"{_SET}{{% if a %}}{{{{ b }}}}{{% else %}}{{% set x = 2 %}}{{% endif %}}{{{{ x }}}}",
                underlined=("x",),
            ),
            Case(f"{_SET}{{% set x %}}{{{{ x }}}}{{% endset %}}{{{{ x }}}}", underlined=("x",)),
            Case(f"{_SET}{{% for m in messages %}}{{{{ x }}}}{{% endfor %}}", underlined=("x",)),
            Case(f"{_SET}{{% for m in messages if x %}}{{{{ m }}}}{{% endfor %}}", underlined=("x",)),
            Case(f"{_SET}{{% for x in x or [] %}}{{{{ x }}}}{{% endfor %}}", underlined=("x",)),
        ),
    ),
    check=check,
)
