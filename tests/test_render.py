"""Our renders are those of transformers, over real templates and conversations."""

from __future__ import annotations

import pytest

from templatefix.errors import RenderError, SyntaxProblem
from templatefix.judge.tracker import tracked
from templatefix.model import Rendered
from templatefix.probes import MATRIX, PLACEHOLDERS
from templatefix.render import Renderer, TracedTemplate, render
from templatefix.syntax import parse
from tests.conftest import corpus

ASK = [{"role": "user", "content": "Hi"}]


def attempt(source: str, index: int) -> tuple[Rendered | None, Rendered | None]:
    probe = MATRIX[index]
    try:
        ours: Rendered | None = Renderer(source, PLACEHOLDERS).render(probe.messages, **probe.arguments)
    except RenderError:
        ours = None
    try:
        theirs: Rendered | None = tracked(source, probe, PLACEHOLDERS)
    except RenderError:
        theirs = None
    return ours, theirs


def test_renders_as_transformers_does() -> None:
    printed = raised = 0
    # Each template meets some probes, each probe some templates; all pairs take a minute, see CONTRIBUTING.
    for number, source in enumerate(corpus().values()):
        for index in range(number % 7, len(MATRIX), 7):
            ours, theirs = attempt(source, index)
            assert (ours is None) == (theirs is None)
            assert ours is None or theirs is None or ours.text == theirs.text
            printed, raised = printed + (ours is not None), raised + (ours is None)
    assert printed > 3000
    assert raised > 300


def test_pieces_add_up_and_name_their_message() -> None:
    traced = 0
    for source in list(corpus().values())[::9]:
        traced_template, renderer = (
            TracedTemplate(parse(source), PLACEHOLDERS),
            Renderer(source, PLACEHOLDERS),
        )
        for probe in MATRIX[:3]:
            try:
                rendered = renderer.render(probe.messages, **probe.arguments)
            except RenderError:
                continue
            trace = traced_template.render(probe.messages, **probe.arguments)
            assert trace.text == rendered.text
            assert "".join(piece.span.of(trace.text) for piece in trace.pieces) == trace.text
            traced += 1
    assert traced > 150


def test_a_piece_knows_the_operand_and_the_message() -> None:
    source = parse("{% for m in messages[::-1] %}{{ '<' + m.content + '>' }}{% endfor %}")
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    trace = TracedTemplate(source, {}).render(messages)
    assert [(p.span.of(trace.text), p.atom, p.message) for p in trace.pieces] == [
        ("<", 0, 1),
        ("b", 1, 1),
        (">", 2, 1),
        ("<", 0, 0),
        ("a", 1, 0),
        (">", 2, 0),
    ]


LOOPS = {
    "by index": "{% for i in range(messages | length) %}{{ messages[i].content }}{% endfor %}",
    "rebuilt": (
        "{% set ns = namespace(list=[]) %}{% for m in messages %}"
        "{% set ns.list = ns.list + [{'role': 'bot', 'content': m.content + ' '}] %}{% endfor %}"
        "{% for m in ns.list %}{{ m.content }}{% endfor %}"
    ),
    "sliced": "{% for m in messages[1:] %}{{ m.content }}{% endfor %}",
    "filtered": "{% for m in messages | selectattr('role', 'equalto', 'assistant') %}{{ m.content }}{% endfor %}",
}
TALK = [
    {"role": "user", "content": "Rain?"},
    {"role": "assistant", "content": "No."},
    {"role": "user", "content": "Snow?"},
    {"role": "assistant", "content": "No."},
]


@pytest.mark.parametrize(
    ("name", "found"),
    [("by index", [0, 1, 2, 3]), ("rebuilt", [0, 1, 2, 3]), ("sliced", [1, 2, 3]), ("filtered", [1, 3])],
)
def test_a_piece_knows_its_message_however_the_loop_gets_it(name: str, found: list[int]) -> None:
    trace = TracedTemplate(parse(LOOPS[name]), {}).render(TALK)
    assert [piece.message for piece in trace.pieces] == found


def test_a_message_merged_from_several_is_of_no_single_message() -> None:
    merging = (
        "{% set ns = namespace(text='') %}{% for m in messages %}{% set ns.text = ns.text + m.content %}{% endfor %}"
        "{% for m in [{'role': 'user', 'content': ns.text}] %}{{ m.content }}{% endfor %}"
    )
    trace = TracedTemplate(parse(merging), {}).render(TALK)
    assert [piece.message for piece in trace.pieces] == [None]


@pytest.mark.parametrize(
    "source",
    [
        "x{% macro m() %}{% generation %}ab{% endgeneration %}{% endmacro %}y{{ m() }}z",
        "x{% set s %}y{% generation %}ab{% endgeneration %}{% endset %}{{ s }}z",
        "xy{% generation %}ab{% endgeneration %}z",
    ],
)
def test_spans_are_true_in_buffered_scopes(source: str) -> None:
    rendered = render(source, ASK)
    assert [span.of(rendered.text) for span in rendered.spans] == ["ab"]


def test_reasoning_reaches_the_template_under_every_name() -> None:
    said = [{"role": "assistant", "content": "c", "reasoning": "r"}]
    source = "{{ messages[0].reasoning_content + messages[0].thinking }}"
    assert render(source, said).text == "rr"


DOUBLING = "{{% set n = namespace(x='xx') %}}{{% for i in range(60) %}}{}{{% endfor %}}"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ messages[0].nothing.more }}", "UndefinedError"),
        ("{{ raise_exception('not so') }}", "not so"),
        ("{{ messages.__class__.__mro__ }}", "SecurityError|unsafe"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "longer than"),
        ("{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "more than 2,000,000 characters"),
        ("{{ 'x' * 999999999 }}", "more than 2,000,000 characters"),
        (
            "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
            "more than 2,000,000 characters",
        ),
        (
            "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% endif %}{% endmacro %}{{ m('xx', 60) }}",
            "more than 2,000,000 characters",
        ),
        ("{{ 'x'.center(999999999) }}", "more than 2,000,000 characters"),
        ("{{ 'x' | center(999999999) }}", "more than 2,000,000 characters"),
        ("{{ '{:>999999999}'.format('x') }}", "more than 2,000,000 characters|field of millions"),
        ("{{ '%999999999d' % 1 }}", "field of millions"),
        ("{{ ('x' * 99999).replace('x', 'y' * 99999) }}", "more than 2,000,000 characters"),
        ("{{ ('x' * 99999) | replace('x', 'y' * 99999) }}", "more than 2,000,000 characters"),
        ("{{ range(99999) | list | join('y' * 99999) }}", "more than 2,000,000 characters"),
        ("{{ lipsum(99999) }}", "more than 2,000,000 characters"),
        ("{{ messages | tojson(indent=999999999) }}", "more than 2,000,000 characters"),
        ("{{ 9 ** 99999999 }}", "more than 2,000,000 characters"),
        ("{{ '%*d' % (99999999, 1) }}", "more than 2,000,000 characters"),
        ("{{ '{:{width}}'.format('x', width=99999999) }}", "more than 2,000,000 characters"),
        ("{{ [1] | batch(99999999, 0) | list }}", "more than 2,000,000 characters"),
        ("{{ [1] | slice(99999999) | list }}", "more than 2,000,000 characters"),
        (DOUBLING.format("{% set n.x = [n.x[0] ~ n.x[0]] %}"), "more than 2,000,000 characters"),
        (DOUBLING.format("{% set n.x = dict(a=n.x ~ n.x).a %}"), "more than 2,000,000 characters"),
        (DOUBLING.format("{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}"), "more than 2,000,000 characters"),
        (DOUBLING.format("{% set n.x = (n.x ~ n.x) | string %}"), "more than 2,000,000 characters"),
        (DOUBLING.format("{% with y = n.x ~ n.x %}{% set n.x = y %}{% endwith %}"), "more than 2,000,000"),
        (
            "{% set n = namespace(x=9) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
            "more than",
        ),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recurs"),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
            "longer than",
        ),
        (
            "{% for x in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
            "longer than",
        ),
    ],
)
def test_a_template_that_fails_or_goes_over_its_limits(
    source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("templatefix.render.limits.MAX_SECONDS", 0.3)
    with pytest.raises(RenderError, match=words):
        render(source, ASK)


def test_a_template_that_compiles_to_nonsense() -> None:
    with pytest.raises(SyntaxProblem, match="invalid Python"):
        render("{% for m in messages %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", ASK)
