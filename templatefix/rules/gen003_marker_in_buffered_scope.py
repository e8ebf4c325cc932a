"""A marker stands in a macro, set block, filter, call or recursive loop.

## What it finds

A generation block inside `{% macro %}`, `{% set x %}…{% endset %}`, `{% filter %}`, `{% call %}` or
`{% for … recursive %}`. A marker inside another marker is fine.

## Why training suffers

transformers takes the length of what the template has printed at top level so far as the start of a span.
Text inside a buffered scope is not printed until the scope ends, so the start is too small by all that
the scope wrote before the marker, and by whatever the caller puts before it. The mask then covers other
text of the same length. A set block records its span even if the variable is never printed. The offsets
are right only as long as nothing comes before the marker in its scope and the result is printed at once.

## What to do

Put the marker round the place where the scope's text is printed: `{% generation %}{{ render(message) }}…`.
If the scope also writes the role header, split it in two.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from templatefix.model import Severity
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import is_generation


def check(subject: Subject) -> Iterator[Hit]:
    """Yield the markers that have a buffering ancestor."""
    for marker in subject.markers:
        scope = next(filter(None, map(_scope, reversed(marker.above))), None)
        if scope is None:
            continue
        name, node = scope
        yield Hit(
            marker.opening,
            f"This marker stands in {name} (line {int(node.lineno)}), whose text is not printed yet when "
            "transformers measures where the span starts: the mask may cover other text.",
        )


def _scope(node: nodes.Node) -> tuple[str, nodes.Node] | None:
    if isinstance(node, nodes.Macro):
        return f"the macro `{node.name}`", node
    if isinstance(node, nodes.AssignBlock):
        return "a set block", node
    if isinstance(node, nodes.FilterBlock):
        return "a filter block", node
    if isinstance(node, nodes.CallBlock) and not is_generation(node):
        return "a call block", node
    if isinstance(node, nodes.For) and node.recursive:
        return "a recursive loop", node
    return None


_MARKED = "{% generation %}{{ m.content }}{% endgeneration %}"

RULE = Rule(
    "GEN003",
    "marker-in-buffered-scope",
    Severity.ERROR,
    cure="Put the marker round the place where this text is printed.",
    cases=Cases(
        good=(
            Case(f"{{% for m in messages %}}{{% if m.role %}}{_MARKED}{{% endif %}}{{% endfor %}}"),
            Case(
                "{% macro show(m) %}{{ m.content }}{% endmacro %}"
                "{% for m in messages %}{% generation %}{{ show(m) }}{% endgeneration %}{% endfor %}"
            ),
            Case("{% generation %}{% generation %}{{ messages }}{% endgeneration %}{% endgeneration %}"),
            Case(f"{{% with m = messages[0] %}}{_MARKED}{{% endwith %}}{{% set x %}}a{{% endset %}}"),
        ),
        bad=(
            Case(
                f"{{% macro turn(m) %}}\n<|assistant|>{_MARKED}\n{{% endmacro %}}\n"
                "{% for m in messages %}{{ turn(m) }}{% endfor %}\n",
                underlined=("{% generation %}",),
            ),
            Case(
                f"{{% set m = messages[0] %}}{{% set t %}}{{% if m %}}A:{_MARKED}{{% endif %}}{{% endset %}}"
                "{{ t }}",
                underlined=("{% generation %}",),
            ),
            Case(
                f"{{% set m = messages[0] %}}{{% filter trim %}}A:{_MARKED}{{% endfilter %}}",
                underlined=("{% generation %}",),
            ),
            Case(
                "{% macro box() %}[{{ caller() }}]{% endmacro %}{% set m = messages[0] %}"
                f"{{% call box() %}}{_MARKED}{{% endcall %}}",
                underlined=("{% generation %}",),
            ),
            Case(
                f"A:{{% for m in messages recursive %}}B{_MARKED}{{% endfor %}}",
                underlined=("{% generation %}",),
            ),
        ),
    ),
    check=check,
)
