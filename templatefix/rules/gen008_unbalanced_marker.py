"""`{% generation %}` without its `{% endgeneration %}`, or the reverse.

## What it finds

In a template that does not parse, and would without its markers: the marker tags that have no partner, and
those whose partner stands in another branch, loop or macro.

## Why training suffers

transformers raises `TemplateSyntaxError` on every call of `apply_chat_template`; nothing can be rendered.

## What to do

Open and close each marker within one body: the same branch of an `if`, the same loop, the same macro.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix import edits
from templatefix.errors import SyntaxProblem
from templatefix.model import Edit, Severity
from templatefix.rules.markers import Tag, tags
from templatefix.rules.rule import Broken, Case, Cases, Hit, Rule
from templatefix.syntax import parse
from templatefix.syntax.located import lex

_OPENERS = {"if", "for", "macro", "call", "filter", "with", "block", "autoescape", "generation"}
_BETWEEN = {"else", "elif"}


def check_broken(broken: Broken) -> Iterator[Hit]:
    """Yield the marker tags without a partner, if they alone keep the template from parsing."""
    try:
        found = list(tags(lex(broken.text)))
        blank = [Edit(tag.span, "") for tag in found if tag.name.endswith("generation")]
        parse(edits.apply(broken.text, blank))
    except SyntaxProblem:
        return  # something else is wrong, and comes first
    for tag, what in _lonely(found):
        yield Hit(tag.span, f"{what}; the template does not parse: {broken.problem.message}")


def _lonely(found: Sequence[Tag]) -> Iterator[tuple[Tag, str]]:
    """Yield marker tags without a partner in their body, each fault once."""
    stack: list[Tag] = []
    reported = 0  # opening tags yielded whose closing tag may still come
    for tag in found:
        if tag.name in _OPENERS:
            stack.append(tag)
        elif tag.name != "endgeneration":
            while _opens(stack) and (tag.name in _BETWEEN or tag.name.removeprefix("end") in _OPENERS):
                yield stack.pop(), f"This marker is not closed before `{tag.name}`"
                reported += 1
            if stack and tag.name == f"end{stack[-1].name}":
                stack.pop()
        elif _opens(stack):
            stack.pop()
        elif reported:
            reported -= 1
        else:
            yield tag, "This closes a marker that was not opened in this place"
            _forget(stack)
    yield from ((tag, "This marker is never closed") for tag in stack if tag.name == "generation")


def _opens(stack: list[Tag]) -> bool:
    return bool(stack) and stack[-1].name == "generation"


def _forget(stack: list[Tag]) -> None:
    """Take out the marker that the last closing tag was meant for, if any."""
    for tag in reversed(stack):
        if tag.name == "generation":
            stack.remove(tag)
            return


_SAID = "{% for m in messages %}{{ m.content }}{% endfor %}"

RULE = Rule(
    "GEN008",
    "unbalanced-marker",
    Severity.ERROR,
    cure="Open and close each marker within one body: the same branch, the same loop, the same macro.",
    cases=Cases(
        good=(
            Case(f"{{% generation %}}{_SAID}{{% endgeneration %}}"),
            Case("{% set x %}{% generation %}{% set y = 1 %}{% endgeneration %}{% endset %}"),
        ),
        bad=(
            Case(
                "{% for m in messages %}\n{% if m.role == 'assistant' %}{% generation %}\n{{ m.content }}\n"
                "{% endif %}{% endgeneration %}\n{% endfor %}\n",
                underlined=("{% generation %}",),
            ),
            Case(f"{{%- generation -%}}\n{_SAID}", underlined=("{%- generation -%}",)),
            Case(f"{_SAID}{{%- endgeneration %}}", underlined=("{%- endgeneration %}",)),
            Case(
                "{% generation %}{% if a %}{{ a }}{% endgeneration %}{% endif %}"
                "{% generation %}{{ b }}{% endgeneration %}",
                underlined=("{% endgeneration %}",),
            ),
            Case(
                "{% if a %}{% generation %}{% else %}{% generation %}{% endif %}a{% endgeneration %}"
                "{% if a %}{% endgeneration %}{% endif %}{% endgeneration %}",
                underlined=("{% generation %}", "{% generation %}", "{% endgeneration %}"),
            ),
            Case(
                "{% set x = 1 %}{% generation %}{% set y = 1 %}{% if a %}{{ a }}{% else %}{{ b }}{% endif %}"
                "{% endgeneration %}{%- endgeneration %}",
                underlined=("{%- endgeneration %}",),
            ),
        ),
    ),
    check_broken=check_broken,
)
