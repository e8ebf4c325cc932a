"""Undeclared variables: those that Jinja finds, without an evaluation of anything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from jinja2 import TemplateAssertionError, meta

from templatefix.syntax import parse, parse_unshared, undeclared
from tests.conftest import FIXTURES, corpus

OWN = {path.stem: path.read_bytes().decode() for path in sorted((FIXTURES / "templates").glob("*.jinja"))}
SCOPES = {
    "set": "{% set a = b %}{{ a }}{{ c }}",
    "set in a branch": "{% if t %}{% set a = 1 %}{% endif %}{{ a }}",
    "set after a read": "{{ a }}{% set a = 1 %}",
    "namespace": "{% set ns = namespace(x=y) %}{% set ns.x = z %}{{ ns.x }}",
    "loop": "{% for a, b in rows if b and c %}{{ loop.index }}{{ a }}{{ d }}{% else %}{{ e }}{{ a }}{% endfor %}",
    "set in a loop": "{% for a in rows %}{% set n = a %}{% endfor %}{{ n }}",
    "recursive loop": "{% for a in rows recursive %}{{ loop(a.children) }}{% endfor %}",
    "macro": "{% macro m(a, b=c) %}{{ a }}{{ d }}{{ varargs }}{{ kwargs }}{{ caller() }}{% endmacro %}{{ m(e) }}",
    "call block": "{% call(a) m(b) %}{{ a }}{{ c }}{% endcall %}",
    "generation": "{% generation %}{% set a = b %}{{ a }}{% endgeneration %}{{ a }}",
    "filter block": "{% filter replace(a, b) %}{{ c }}{% endfilter %}",
    "set block": "{% set a | upper %}{{ b }}{% endset %}{{ a }}",
    "with": "{% with a = b %}{{ a }}{{ c }}{% endwith %}{{ a }}",
    "block": "{% set a = 1 %}{% block one %}{{ a }}{{ super() }}{{ self.one() }}{% endblock %}",
    "autoescape": "{% autoescape a %}{{ b }}{% endautoescape %}",
    "import": "{% import a as b %}{% from c import d as e, f %}{{ b }}{{ e }}{{ f }}{{ d }}{% include g %}",
    "unused operand": "{{ false and a }}{{ 1 if true else b }}",
    "unknown filter in a branch": "{% if a %}{{ b | nothing }}{% endif %}",
    "globals": "{{ range(a) }}{{ namespace() }}{{ strftime_now(b) }}{{ raise_exception(c) }}",
}
TEMPLATES = {**corpus(), **OWN, **SCOPES}


@pytest.mark.parametrize("name", TEMPLATES)
def test_finds_what_jinja_finds(name: str) -> None:
    tree = parse(TEMPLATES[name]).tree
    found = undeclared(tree)
    assert tree == parse_unshared(TEMPLATES[name]).tree
    assert found == meta.find_undeclared_variables(parse_unshared(TEMPLATES[name]).tree)


@pytest.mark.parametrize(
    "source",
    [
        "{% if false %}{{ 9**(9**9) }}{% endif %}{{ a }}",
        "{{ 9**(9**9) + a }}",
        "{% set b = 9**(9**9) %}{{ a }}",
        "{% for b in [9**(9**9)] if 9**(9**9) %}{% endfor %}{{ a }}",
        "{% macro m(b=9**(9**9)) %}{% endmacro %}{{ m(9**(9**9), c=9**(9**9)) }}{{ a }}",
        "{% autoescape 9**(9**9) %}{{ a }}{% endautoescape %}",
        "{{ ('x' * 9**9) * 9**9 }}{{ a }}",
        "{{ range(9**9) | list | length }}{{ a[9**(9**9):] }}",
    ],
)
def test_evaluates_nothing(source: str) -> None:
    code = "import sys\nfrom templatefix.syntax import parse, undeclared\nprint(*undeclared(parse(sys.argv[1]).tree))"
    ran = subprocess.run(
        [sys.executable, "-c", code, source], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == ["a"]


def test_a_template_that_does_not_compile_raises() -> None:
    with pytest.raises(TemplateAssertionError, match="nothing"):
        undeclared(parse("{{ a | nothing }}").tree)
