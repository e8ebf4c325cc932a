"""Every output that an assistant's turn may print is reached by some probe, or named."""

from __future__ import annotations

import pytest

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import Observer, gaps, reaching
from templatefix.expected import Expectations
from templatefix.model import Coverage
from templatefix.probes import MATRIX, Probe, asked_variables, probes_for, read_schema
from templatefix.syntax import parse

HEAD = "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<a>' }}{{ m.content }}"
TAIL = "{{ '<e>' }}{% else %}{{ '<' + m.role + '>' }}{{ m.content }}{% endif %}{% endfor %}"


def observed(body: str) -> tuple[Coverage, Coverage, list[Probe]]:
    """Coverage by the probes every template gets, coverage after the search, and what the search added."""
    analysis = TemplateAnalysis(parse(HEAD + body + TAIL))
    first = probes_for(analysis.source)
    plain = Observer(analysis)
    plain.see(first)
    probes, observer = reaching(analysis)
    names = {probe.name for probe in first}
    before = gaps(plain, Expectations(analysis, first))
    after = gaps(observer, Expectations(analysis, probes))
    return before, after, [each for each in probes if each.name not in names]


def unmarked(source: str) -> tuple[int, ...]:
    """Lines of outputs of an assistant's turn that no probe reached."""
    analysis = TemplateAnalysis(parse(source))
    probes, observer = reaching(analysis)
    return gaps(observer, Expectations(analysis, probes)).unmarked


@pytest.mark.parametrize(
    "body",
    [
        "{% if '[DONE]' in m.content %}{{ 'done' }}{% endif %}",
        "{% if m.content.endswith('<cut>') %}{{ 'cut' }}{% endif %}",
        "{% if m.reasoning_content is defined and not m.reasoning_content %}{{ 'none' }}{% endif %}",
        "{% if m.tool_calls is defined and not m.tool_calls %}{{ '[]' }}{% endif %}",
        "{% for call in m.tool_calls or [] %}{% if call is string %}{{ call }}{% endif %}{% endfor %}",
        "{% set why = m.reasoning %}{% if why is defined and not why %}{{ 'none' }}{% endif %}",
        "{% set tag = '<cut>' %}{% if m.tool_calls and m.content.endswith(tag) %}{{ 'cut' }}{% endif %}",
        "{{ m.thought ~ '!' if m.thought and m.tool_calls }}",
        "{% if enable_thinking == true and m.tool_calls and loop.last %}{{ 'called' }}{% endif %}",
    ],
)
def test_a_probe_is_found_for_what_a_test_asks(body: str) -> None:
    before, after, found = observed(body)
    assert before.unmarked == (1,)
    assert after.unmarked == ()
    assert found


@pytest.mark.parametrize(
    "body",
    [
        "{% for r in m.responses or [] %}{{ r.title }}"
        "{% for k, v in r.fields | items %}{{ v }}{% endfor %}{% endfor %}",
        "{% for b in m.content.blocks or [] %}{% if b.type == 'thought' %}{{ b.text }}"
        "{% elif b.type == 'answer' %}{{ b.words }}{% endif %}{% endfor %}",
        "{% if style == 'long' %}{{ 'long' }}{% endif %}",
        "{% macro told(calls) %}{% for c in calls %}{{ c.label + c.inputs }}{% endfor %}{% endmacro %}"
        "{% if m.tool_calls %}{{ told(m.tool_calls) }}{% endif %}",
    ],
)
def test_what_a_template_reads_is_probed_at_once(body: str) -> None:
    assert observed(body)[0].unmarked == ()


def test_what_nothing_reaches_is_named_by_its_line() -> None:
    _, after, _ = observed("\n{% if m.content == m.role ~ 'never' %}{{ 'odd' }}{% endif %}")
    assert (after.unmarked, after.marked, after.others, after.foreign) == ((2,), (), (), ())
    assert after.one_way == ((2, "`m.content == m.role ~ 'never'` is never true"),)


@pytest.mark.parametrize(
    "body",
    [
        "{% if m.role == 'user' %}{{ 'odd' }}{% endif %}",
        "{% set who = 'model' if m.role == 'assistant' else m.role %}{% if who != 'model' %}{{ 'odd' }}{% endif %}",
        "{% if add_generation_prompt and m.never %}{{ 'odd' }}{% endif %}",
        "{% if m.get('role', '') == 'user' %}{{ 'odd' }}{% endif %}",
        "{% set who = m.role | default('') %}{% if who == 'user' %}{{ 'odd' }}{% endif %}",
        "{% if m.content == m.role ~ 'never' %}{{ bos_token }}{% endif %}",
    ],
)
def test_what_no_assistant_reaches_is_no_hole(body: str) -> None:
    assert observed(body)[1].unmarked == ()


@pytest.mark.parametrize(
    ("inside", "lines"),
    [
        ("{{ tools[3].name }}", (2,)),
        ("{% for each in extra %}{{ each.never }}{% endfor %}", (2,)),
        ("{% if m.role == 'user' %}{{ m.never }}{% endif %}", (2,)),
        ("{{ m.never }}", ()),
    ],
)
def test_what_is_no_assistants_text_is_a_hole_where_it_is_marked(inside: str, lines: tuple[int, ...]) -> None:
    never = f"\n{{% if m.content == m.role ~ 'never' %}}{inside}{{% endif %}}"
    body = f"{{% set extra = tools %}}{{% generation %}}{never}{{% endgeneration %}}"
    assert observed(body)[1].foreign == lines


def test_a_role_is_read_where_the_loop_counts() -> None:
    source = (
        "{% for i in range(messages | length) %}{% if messages[i].role == 'user' %}{{ messages[i].content ~ '!' }}"
        "{% else %}{{ messages[i].content }}{% endif %}{% endfor %}"
    )
    assert unmarked(source) == ()


SYSTEM_LATE = (
    "{% set told = messages[0].content if messages[0].role == 'system' else none %}"
    "{% for m in (messages[1:] if told else messages) %}{% if loop.first and m.role == 'assistant' and told %}"
    "{{ raise_exception('no') }}{% endif %}{% if loop.first and told %}{{ WHAT }}{% endif %}{{ m.content }}{% endfor %}"
)


@pytest.mark.parametrize(("what", "lines"), [("'#' + told", ()), ("'<stop>' + m.content", (1,))])
def test_an_output_that_prints_another_message_is_no_hole(what: str, lines: tuple[int, ...]) -> None:
    assert unmarked(SYSTEM_LATE.replace("WHAT", what)) == lines


def test_an_output_of_a_header_alone_is_no_hole() -> None:
    never = "{% if m.content == m.role ~ 'never' %}{{ WHAT }}{% endif %}"
    prompt = "{% if add_generation_prompt %}{{ '<a>' }}{% endif %}"
    assert unmarked(HEAD + never.replace("WHAT", "'<a>'") + TAIL + prompt) == ()
    assert unmarked(HEAD + never.replace("WHAT", "'<b>'") + TAIL + prompt) == (1,)


def test_a_role_of_the_templates_own_messages_is_not_probed() -> None:
    read = "{% if m.role == 'end' or m.role == 'narrator' %}{{ m.content }}{% endif %}"
    source = parse("{% for m in messages + [{'role': 'end', 'content': ''}] %}" + read + "{% endfor %}")
    names = {probe.name for probe in probes_for(source)}
    assert "the role 'narrator'" in names
    assert "the role 'end'" not in names


def test_a_schema_knows_lists_and_what_they_are_compared_with() -> None:
    source = parse(
        "{% for m in messages %}{{ m.role }}{% for p in m.parts %}{% if p.kind == 'x' %}{{ p.text }}{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    schema = read_schema(source)
    used: list[str] = []
    assert schema.fill(("parts",), iter("abc"), used) == [{"kind": "x", "text": "a"}]
    assert used == ["a"]


def test_probes_have_names_and_texts_of_their_own() -> None:
    assert len({probe.name for probe in MATRIX}) == len(MATRIX) > 80
    for probe in MATRIX:
        texts = [text for turn in probe.turns for text in turn.texts if text != "Looking."]
        assert len(set(texts)) == len(texts), probe.name
        said = repr(probe.messages)
        assert all(repr(text)[1:-1] in said for text in texts), probe.name


def test_transformers_tells_no_template_what_it_takes_for_itself() -> None:
    source = parse("{% if continue_final_message or company %}{{ messages }}{% endif %}")
    assert asked_variables(source) == ("company",)


@pytest.mark.parametrize(("asked", "lines"), [("loop.index0 % 2 == 0", ()), ("loop.index0 % 2 == 1", (3,))])
def test_what_a_role_raises_on_is_no_hole(asked: str, lines: tuple[int, ...]) -> None:
    raising = "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}"
    never = f"\n{{% if {asked} %}}\n{{% if m.content == m.role ~ 'never' %}}{{{{ 'odd' }}}}{{% endif %}}{{% endif %}}"
    assert unmarked(f"{{% for m in messages %}}{raising}{never}{{{{ m.content }}}}{{% endfor %}}") == lines


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        ("{% set user = 'user' %}", ()),
        ("{% set user = 'assistant' %}", (2,)),
        ("{% if tools %}{% set user = 'user' %}{% endif %}", (2,)),
        ("{% set user = 'user' %}{% if tools %}{% set user = 'assistant' %}{% endif %}", (2,)),
        ("{% set user = 'us' ~ 'er' %}", (2,)),
    ],
)
def test_a_role_may_be_compared_with_a_name(names: str, lines: tuple[int, ...]) -> None:
    body = "\n{% if m.role == user and m.content == m.role ~ 'never' %}{{ 'odd' }}{% endif %}"
    assert unmarked(names + HEAD + body + TAIL) == lines


@pytest.mark.parametrize(
    ("name", "read", "lines"),
    [
        ("'Assistant'", "who", ()),
        ("'Assistant' | lower", "who", (2,)),
        ("('Assistant' if m.role == 'assistant' else m.role) | lower", "who", (2,)),
        ("'xassistant' | trim('x')", "who", (2,)),
        ("'Assistant'", "who | lower", (2,)),
        ("'model'", "who | lower", ()),
    ],
)
def test_a_name_may_be_told_in_other_letters(name: str, read: str, lines: tuple[int, ...]) -> None:
    test = f"{{% if {read} == 'assistant' and m.content == m.role ~ 'never' %}}{{{{ 'odd' }}}}{{% endif %}}"
    assert unmarked(f"{HEAD}{{% set who = {name} %}}\n{test}{TAIL}") == lines
