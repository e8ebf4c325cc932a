"""Positions: over every real template, each expression re-parses from its span to itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jinja2 import nodes

from templatefix.edits import Newlines
from templatefix.errors import SyntaxProblem
from templatefix.syntax import Source, is_generation, parse, same_without_markers, span_of, walk
from templatefix.syntax.chain import atoms, cut
from templatefix.syntax.parser import has_span
from tests.conftest import corpus


def loaded(source: Source) -> Iterator[nodes.Expr]:
    """Expressions that are read; names that are assigned to are none."""
    for node, _ in walk(source.tree):
        target = isinstance(node, nodes.NSRef) or getattr(node, "ctx", "load") != "load"
        if (
            isinstance(node, nodes.Expr)
            and has_span(node)
            and not isinstance(node, nodes.TemplateData)
            and not target
        ):
            yield node


@pytest.mark.parametrize("part", range(8))
def test_expressions_reparse_from_their_spans(part: int) -> None:
    seen: dict[str, nodes.Expr] = {}
    counted = 0
    for source in list(corpus().values())[part::8]:
        parsed = parse(source)
        for expression in loaded(parsed):
            code = span_of(expression).of(parsed.text)
            if code not in seen:
                again = parse(f"{{{{ {code} }}}}").tree.body[0]
                assert isinstance(again, nodes.Output)
                seen[code] = again.nodes[0]
            assert seen[code] == expression, code
            counted += 1
    assert counted > 10_000


def test_statements_and_data_stand_where_they_say() -> None:
    for source in corpus().values():
        parsed = parse(source)
        assert Newlines.of(source).apply([]) == source
        for node, above in walk(parsed.tree):
            if isinstance(node, nodes.TemplateData):
                assert span_of(node).of(parsed.text) == node.data
            elif isinstance(node, nodes.Stmt) and has_span(node):
                text = span_of(node).of(parsed.text)
                data = isinstance(node, nodes.Output) and isinstance(node.nodes[0], nodes.TemplateData)
                assert data or (text[:2], text[-2:]) in (("{%", "%}"), ("{{", "}}")), text
            elif isinstance(node, nodes.Stmt):
                assert isinstance(node, nodes.If) and isinstance(above[-1], nodes.If), (
                    "only an elif has no span"
                )


def test_every_expression_that_stands_alone_has_a_span() -> None:
    parsed = parse("{{ (a + b) * -c ** 2 | f(x=1) is not y and d[1:2].e or [1, (2,)] if g else {'k': h()} }}")
    without = {
        type(node).__name__
        for node, _ in walk(parsed.tree)
        if isinstance(node, nodes.Expr) and not has_span(node)
    }
    assert without <= {"Slice", "Test"}  # `is not` makes a test that has no text of its own


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("'a' + b + 'c'", 3),
        ("'a' ~ b ~ c", 3),
        ("a ~ b", 2),
        ("a + b", 1),  # may be a sum of numbers
        ("'a' + (b + 'c')", 2),
        ("('a' + b)", 2),
        ("'a' + b * 2 + c | trim", 3),
        ("'a' + b if c else d", 1),
        ("('a' + b) | trim", 1),
        ("'a' + (b | e)", 1),  # Markup escapes its neighbours
        ("'a' + b == c", 1),
    ],
)
def test_chains_are_taken_apart(code: str, count: int) -> None:
    source = parse(f"{{{{ {code} }}}}")
    output = source.tree.body[0]
    assert isinstance(output, nodes.Output)
    assert len(atoms(output.nodes[0], source.text, source.markup)) == count


@pytest.mark.parametrize(
    ("literal", "offset", "head", "tail"),
    [
        (r"'ab\ncd'", 3, r"ab\n", "cd"),
        (r"'a\u0041b'", 2, r"a\u0041", "b"),
        ('"it\'s"', 2, "it", "'s"),
        ("'a\nb'", 2, "a\n", "b"),
        (r"'<\s> '", 4, r"<\s>", " "),  # an escape that Python does not know
    ],
)
def test_literals_are_cut_in_their_own_spelling(literal: str, offset: int, head: str, tail: str) -> None:
    text = f"{{{{ {literal} }}}}"
    source = parse(text)
    output = source.tree.body[0]
    assert isinstance(output, nodes.Output)
    span = span_of(output.nodes[0])
    where = cut(span, source.text, offset)
    assert where is not None
    assert (text[span.start + 1 : where], text[where : span.end - 1]) == (head, tail)


def test_adjacent_literals_are_not_cut() -> None:
    source = parse("{{ 'ab' 'cd' }}")
    output = source.tree.body[0]
    assert isinstance(output, nodes.Output)
    assert cut(span_of(output.nodes[0]), source.text, 1) is None


FOR = "{% for m in messages %}"
SET_M = "{% for m in messages %}{% set m = m.other %}"
GUARD = "{% if m.role == 'assistant' %}"


def _guard(test: str) -> str:
    marked = "{% generation %}{{ x }}{% endgeneration %}"
    return f"{{% if m.role {test} %}}{marked}{{% else %}}{{{{ x }}}}{{% endif %}}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a{{ x }}b", "a{% generation %}{{ x }}{% endgeneration %}b", True),
        ("{{ 'a' + x + 'b' }}", "{{ 'a' + x }}{% generation %}{{ 'b' }}{% endgeneration %}", True),
        ("{{ 'a' + x }}", "{{ 'a' }}{% generation %}{{ '' + x }}{% endgeneration %}", True),
        ("{{ 'a' + x }}", "{{ 'a' }}{% generation %}{{ x }}{% endgeneration %}", False),  # `none` would print
        ("{{ 'a' ~ x }}", "{{ 'a' }}{{ '' + x }}", False),  # a number would raise
        ("{{ 'a' ~ x + 'b' }}", "{{ 'a' }}{{ x + 'b' }}", False),
        ("{{ x }}\n", "{% generation %}{{ x }}{% endgeneration %}\n", True),
        (
            "{{ x }}\ny",
            "{% generation %}{{ x }}{% endgeneration %}\ny",
            False,
        ),  # trim_blocks eats the newline
        ("  {{ x }}", "  {% generation %}{{ x }}{% endgeneration %}", False),  # lstrip_blocks eats the spaces
        (FOR + "{{ x }}{% endfor %}", FOR + GUARD + "{{ x }}{% else %}{{ x }}{% endif %}{% endfor %}", True),
        (FOR + "{{ x }}{% endfor %}", FOR + GUARD + "{{ x }}{% else %}{{ y }}{% endif %}{% endfor %}", False),
        ("{{ x }}", "{% if a.b %}{{ x }}{% else %}{{ x }}{% endif %}", False),  # the test may raise
        (
            SET_M + "{{ x }}{% endfor %}",
            SET_M + GUARD + "{{ x }}{% else %}{{ x }}{% endif %}{% endfor %}",
            False,
        ),
        ("{{ 'a' + (x | e) + 'b' }}", "{{ 'a' }}{{ (x | e) + 'b' }}", False),  # Markup escapes its neighbours
        ("{% set y = x | safe %}{{ 'a' + y }}", "{% set y = x | safe %}{{ 'a' }}{{ '' + y }}", False),
        ("{{ caller }}", "{% generation %}{{ caller }}{% endgeneration %}", False),
        (
            "{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}",
            "{% macro f() %}{{ x }}{% endmacro %}{% generation %}{% set x = 1 %}{% endgeneration %}{{ f() }}",
            False,
        ),
        ("{{ 'a' + x.strip() }}", "{{ 'a' }}{{ x.strip() }}", True),  # what is stripped is a string
        ("{{ 'a' + (x | trim) }}", "{{ 'a' }}{{ x | trim }}", True),
        ("{{ 'a' + x.split('b')[-1] }}", "{{ 'a' }}{{ x.split('b')[-1] }}", True),
        ("{{ 'a' + x.split(y)[-1] }}", "{{ 'a' }}{{ x.split(y)[-1] }}", False),  # may be split into nothing
        ("{{ 'a' + x.split('b')[1] }}", "{{ 'a' }}{{ x.split('b')[1] }}", False),
        ("{{ 'a' + (x.strip() if y else 'b') }}", "{{ 'a' }}{{ x.strip() if y else 'b' }}", True),
        ("{{ 'a' + (x.strip() if y) }}", "{{ 'a' }}{{ x.strip() if y }}", False),
        ("{{ 'a' + x.get('b') }}", "{{ 'a' }}{{ x.get('b') }}", False),
        ("{{ 'a' + (x | first) }}", "{{ 'a' }}{{ x | first }}", False),
        ("{{ 'a' + x }}", "{{ 'a' }}{{ x }}", False),
        (  # what a macro calls its own parameter is another name
            "{% macro f(x) %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f(x) }}",
            "{% macro f(x) %}{{ x }}{% endmacro %}{% generation %}{% set x = 1 %}{{ f(x) }}{% endgeneration %}",
            True,
        ),
        (  # but its default is read outside
            "{% macro f(y=x) %}{{ y }}{% endmacro %}{% set x = 1 %}{{ f() }}",
            "{% macro f(y=x) %}{{ y }}{% endmacro %}{% generation %}{% set x = 1 %}{% endgeneration %}{{ f() }}",
            False,
        ),
        (  # and what is set in the macro itself is its parameter
            "{% macro f(x) %}{% set x = 1 %}{{ x }}{% endmacro %}{{ f(2) }}",
            "{% macro f(x) %}{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}{% endmacro %}{{ f(2) }}",
            False,
        ),
        (  # what is set behind a marker, or in it, makes other names of the same text
            "{{ x }}{% set x = 1 %}{{ x }}{% set x = 2 %}",
            "{% generation %}{{ x }}{% set x = 1 %}{{ x }}{% endgeneration %}{% set x = 2 %}",
            False,
        ),
        (
            FOR + "{{ x }}{% endfor %}" + FOR + "{{ x }}{% set x = 1 %}{% endfor %}",
            FOR
            + "{{ x }}{% endfor %}"
            + FOR
            + "{% generation %}{{ x }}{% endgeneration %}{% set x = 1 %}{% endfor %}",
            False,
        ),
        (
            FOR + "{% for c in y %}{{ x }}{% endfor %}{% set x = 1 %}{{ x }}{% endfor %}",
            FOR
            + "{% for c in y %}{{ x }}{% endfor %}{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}"
            + "{% endfor %}",
            False,
        ),
        (
            FOR + "{% set x = 1 %}{{ x }}{% set x = 2 %}{% endfor %}",
            FOR + "{% set x = 1 %}{% generation %}{{ x }}{% endgeneration %}{% set x = 2 %}{% endfor %}",
            True,
        ),
        (  # a set in another branch, or in one only, is none before the read
            "{% if a %}{% set x = 1 %}{% else %}{{ x }}{% endif %}{% set x = 2 %}",
            "{% generation %}{% if a %}{% set x = 1 %}{% else %}{{ x }}{% endif %}{% endgeneration %}{% set x = 2 %}",
            False,
        ),
        (  # what another branch reads it has set itself
            FOR + "{% if a %}{% set x = 1 %}{{ x }}{% else %}{% set x = 2 %}{{ x }}{% endif %}{% endfor %}",
            FOR
            + "{% if a %}{% set x = 1 %}{{ x }}{% else %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}"
            + "{% endif %}{% endfor %}",
            True,
        ),
        (  # the other branch does not run
            FOR + "{% if a %}{% set y = 1 %}{{ y }}{% else %}{{ y }}{% endif %}{% endfor %}",
            FOR
            + "{% if a %}{% generation %}{% set y = 1 %}{{ y }}{% endgeneration %}{% else %}{{ y }}{% endif %}"
            "{% endfor %}",
            True,
        ),
        (
            FOR + "{% if a %}{% set y = 1 %}{{ y }}{% else %}{{ x }}{% endif %}{{ y }}{% endfor %}",
            FOR
            + "{% if a %}{% generation %}{% set y = 1 %}{{ y }}{% endgeneration %}{% else %}{{ x }}{% endif %}{{ y }}"
            "{% endfor %}",
            False,
        ),
        ("{{ x }}{% set x = 1 %}", "{% generation %}{{ x }}{% endgeneration %}{% set x = 1 %}", False),
        (
            FOR + "{{ x }}{% break %}{% endfor %}",
            FOR + "{% generation %}{{ x }}{% break %}{% endgeneration %}{% endfor %}",
            False,
        ),
        ("{{ x }}", "{% if a %}{{ x }}{% endif %}", False),
        ("{{ x }}", "{% if a %}{{ x }}{% elif b %}{{ y }}{% else %}{{ x }}{% endif %}", False),
        ("{% for a in b %}{{ a }}{% endfor %}", "{% for a in b if c %}{{ a }}{% endfor %}", False),
        ("{% set a = 1 %}", "{% set a = 2 %}", False),
        (FOR + "{{ x }}{% endfor %}", FOR + _guard("in ['a', 'b']") + "{% endfor %}", True),
        (FOR + "{{ x }}{% endfor %}", FOR + _guard("in 'ab'") + "{% endfor %}", False),  # no text: it raises
        (FOR + "{{ x }}{% endfor %}", FOR + _guard("in ['a', b.c]") + "{% endfor %}", False),
        (FOR + "{{ x }}{% endfor %}", FOR + _guard("== ['a']") + "{% endfor %}", False),
    ],
)
def test_same_program_without_markers(one: str, other: str, same: bool) -> None:
    assert same_without_markers(parse(one), parse(other)) is same


@pytest.mark.parametrize(
    ("opens", "test", "closes", "same"),
    [
        (FOR, "loop.previtem is defined and loop.previtem.role == 'a'", "{% endfor %}", True),
        (FOR, "loop.previtem is defined and loop.previtem['role'] in ['a', 'b']", "{% endfor %}", True),
        (FOR, "loop.previtem.role == 'a'", "{% endfor %}", False),  # raises at the first message
        (FOR, "loop.previtem is defined or loop.previtem.role == 'a'", "{% endfor %}", False),
        (FOR, "loop.nextitem is defined and loop.nextitem.role == 'a'", "{% endfor %}", False),
        ("", "loop.previtem is defined and loop.previtem.role == 'a'", "", False),
        ("", "messages and messages[-1].role == 'a'", "", True),
        ("", "messages and messages[-1]['role'] in ['a', 'b']", "", True),
        ("", "messages[-1].role == 'a'", "", False),  # raises where there is none
        ("", "messages and messages[0].role == 'a'", "", False),
        ("", "messages and messages[-1].role.kind == 'a'", "", False),
        ("{% set messages = 1 %}", "messages and messages[-1].role == 'a'", "", False),
        (
            f"{FOR}{{% for c in m.calls %}}",
            "loop.previtem is defined and loop.previtem.role == 'a'",
            "{% endfor %}{% endfor %}",
            True,
        ),
        (
            f"{FOR}{{% for a, c in m.calls %}}",
            "loop.previtem is defined and loop.previtem.role == 'a'",
            "{% endfor %}{% endfor %}",
            False,
        ),
        (
            f"{FOR}{{% set loop = 1 %}}",
            "loop.previtem is defined and loop.previtem.role == 'a'",
            "{% endfor %}",
            False,
        ),
    ],
)
def test_a_guard_on_another_message_is_proven_only_where_it_cannot_fail(
    opens: str, test: str, closes: str, same: bool
) -> None:
    one, other = "{{ x }}", f"{{% if {test} %}}{{{{ x }}}}{{% else %}}{{{{ x }}}}{{% endif %}}"
    assert same_without_markers(parse(opens + one + closes), parse(opens + other + closes)) is same


@pytest.mark.parametrize(
    ("opens", "closes", "same"),
    [
        ("{% for a, b in y %}", "{% endfor %}", True),
        ("{% with m = y %}", "{% endwith %}", False),
        ("{% macro f(m) %}", "{% endmacro %}{{ f() }}", False),
        ("{% for m in [y] %}", "{% endfor %}", False),
        ("{% for a, m in [(1, y)] %}", "{% endfor %}", False),
    ],
)
def test_a_guard_is_proven_only_where_the_name_is_the_message(opens: str, closes: str, same: bool) -> None:
    one, other = (
        parse(f"{FOR}{opens}{inner}{closes}{{% endfor %}}") for inner in ("{{ x }}", _guard("== 'a'"))
    )
    assert same_without_markers(one, other) is same


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{% if %}", 2, "Expected an expression"),
        ("{{ 'a }}", 1, "unexpected char"),
        ("{% for a in b %}", 1, "endfor"),
    ],
)
def test_a_template_that_does_not_parse_names_line_and_words(source: str, line: int, words: str) -> None:
    with pytest.raises(SyntaxProblem, match=words) as caught:
        parse(source, where="here.jinja")
    assert caught.value.line == line
    assert f"here.jinja:{line}" in str(caught.value)


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    with pytest.raises(SyntaxProblem, match="nested too deeply"):
        parse("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}")


def test_generation_is_parsed_as_a_block() -> None:
    tree = parse("{%- generation -%}{{ x }}{% endgeneration %}").tree
    assert [is_generation(node) for node in tree.body] == [True]
