"""A marker covers the generation prompt.

## What it finds

A generation block in a branch that only runs if `add_generation_prompt` is true, or one that holds such a
branch with output in it.

## Why training suffers

The generation prompt is what inference prepends: the model reads it and never writes it. Inside a marker it
becomes a target as soon as the prompt is rendered with masks, such as in prompt/completion data, and a prompt
without an answer yields spans.

## What to do

End the marker before the branch, or take the markers out of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from templatefix.model import Severity, Span
from templatefix.rules.markers import Marker, prints
from templatefix.rules.rule import Case, Cases, Hit, Rule, Subject
from templatefix.syntax import Body, span_of, walk

_FLAG = "add_generation_prompt"


def check(subject: Subject) -> Iterator[Hit]:
    """Yield markers inside the prompt's branch, and the prompt's branches inside a marker."""
    for marker in subject.markers:
        if any(_prompt(node, marker.opening) for node in marker.above):
            yield Hit(
                marker.opening,
                f"This marker only runs if `{_FLAG}` is true: it covers text that inference prepends "
                "and the model never writes.",
            )
        else:
            for span in _within(marker):
                yield Hit(
                    span,
                    f"What this prints if `{_FLAG}` is true stands inside a marker: text that inference "
                    "prepends becomes a target.",
                )


def _prompt(node: nodes.Node, tag: Span) -> bool:
    """Whether `tag` stands in an arm of `node` that only runs for a generation prompt."""
    arms = _arms(node) if isinstance(node, nodes.If) else ()
    return any(isinstance(body, Body) and body.start <= tag.start < body.end for body in arms)


def _within(marker: Marker) -> Iterator[Span]:
    for node, _ in walk(marker.node):
        if isinstance(node, nodes.CondExpr) and _needs(node.test, True):
            yield span_of(node.test)
        if isinstance(node, nodes.If) and any(map(prints, _arms(node))):
            yield span_of(node.test)


def _arms(node: nodes.If) -> Iterator[list[nodes.Node]]:
    """The bodies of `node` that only run for a generation prompt; an `elif` is an `If` of its own."""
    if _needs(node.test, True):
        yield node.body
    refused = _needs(node.test, False)
    for part in node.elif_:
        if refused:
            yield part.body
        refused = refused or _needs(part.test, False)
    if refused:
        yield node.else_


def _needs(test: nodes.Node, value: bool) -> bool:
    """Whether `test` can only be `value` if there is a generation prompt."""
    match test:
        case nodes.Name(name=name):
            return value and name == _FLAG
        case nodes.Not(node=inner):
            return _needs(inner, not value)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            either = isinstance(test, nodes.And) is value
            return (any if either else all)(_needs(side, value) for side in (left, right))
        case nodes.Compare(
            expr=nodes.Name(name=name), ops=[nodes.Operand(op="eq", expr=nodes.Const(value=True))]
        ):
            return value and name == _FLAG
        case nodes.Test(node=nodes.Name(name=name), name="true"):
            return value and name == _FLAG
        case nodes.Filter(node=nodes.Name(name=name), name="default", args=[_]):
            return value and name == _FLAG
    return False


_PROMPT = "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
_TURNS = "{% for m in messages %}{% generation %}{{ m.content }}</s>{% endgeneration %}{% endfor %}"

RULE = Rule(
    "GEN007",
    "marker-round-generation-prompt",
    Severity.ERROR,
    cure="End the marker before this branch, or take it out of the branch.",
    cases=Cases(
        good=(
            Case(_TURNS + _PROMPT),
            Case(
                "{% if not add_generation_prompt %}{% generation %}{{ a }}{% endgeneration %}"
                "{% elif tools %}{{ b }}{% endif %}"
            ),
            Case(
                "{% if a is true or a == true or a | default(b) %}{% elif b %}"
                "{% generation %}{{ a if b else '' }}{% endgeneration %}{% endif %}"
            ),
            Case(
                "{% if add_generation_prompt == true or add_generation_prompt is true or "
                "add_generation_prompt | default(false) %}A:{% else %}"
                "{% generation %}{{ a }}{% endgeneration %}{% endif %}"
            ),
            Case(
                "{% if a == true %}{% generation %}A{% endgeneration %}{% elif a is true %}"
                "{% generation %}B{% endgeneration %}{% elif a | default(b) %}"
                "{% generation %}C{% endgeneration %}{% endif %}"
            ),
            Case(
                "{% if add_generation_prompt == false %}{% generation %}{{ a }}{% endgeneration %}{% endif %}"
            ),
            Case(
                "{% if add_generation_prompt %}A:{% else %}"
                "{% generation %}{{ a }}{% endgeneration %}{% endif %}"
            ),
            Case(
                "{% for m in messages %}{% generation %}{{ m }}{% if (loop.last and add_generation_prompt) "
                "or not loop.last %}</s>{% endif %}{% endgeneration %}{% endfor %}"
            ),
            Case(
                "{% generation %}{{ a }}{% if add_generation_prompt %}{% set x = 1 %}{% endif %}"
                "{% endgeneration %}"
            ),
        ),
        bad=(
            Case(
                "{% for m in messages %}\n{% generation %}\n{{ m.content }}</s>\n"
                "{% if loop.last and add_generation_prompt %}\n<|assistant|>\n{% endif %}\n"
                "{% endgeneration %}\n{% endfor %}\n",
                underlined=("loop.last and add_generation_prompt",),
            ),
            Case(
                "{% if add_generation_prompt == true %}{% generation %}A:{% endgeneration %}{% endif %}",
                underlined=("{% generation %}",),
            ),
            Case(
                "{% if not add_generation_prompt or not a %}{% elif b %}"
                "{% if b %}{% generation %}A:{% endgeneration %}{% endif %}{% endif %}"
                "{% if a %}{% elif add_generation_prompt is true %}"
                "{% generation %}B:{% endgeneration %}{% endif %}",
                underlined=("{% generation %}", "{% generation %}"),
            ),
            Case(
                "{% if not a %}{% elif not add_generation_prompt %}{% else %}"
                "{% generation %}A:{% endgeneration %}{% endif %}"
                "{% if not add_generation_prompt %}{% elif not a %}{% else %}"
                "{% generation %}B:{% endgeneration %}{% endif %}",
                underlined=("{% generation %}", "{% generation %}"),
            ),
            Case(
                "{% generation %}{{ a }}{{ 'A:' if add_generation_prompt | default(false) }}"
                "{% if not add_generation_prompt %}{% else %}B:{% endif %}{% endgeneration %}",
                underlined=("add_generation_prompt | default(false)", "not add_generation_prompt"),
            ),
        ),
    ),
    check=check,
)
