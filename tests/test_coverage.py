"""Every output that an assistant's turn may print is reached by some probe, or named."""

from __future__ import annotations

import pytest

from templatefix.coverage import Observer, reaching
from templatefix.model import Coverage
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe, asked_variables, probes_for, read_schema
from templatefix.syntax import parse

HEAD = "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<a>' }}{{ m.content }}"
TAIL = "{{ '<e>' }}{% else %}{{ '<' + m.role + '>' }}{{ m.content }}{% endif %}{% endfor %}"


def observed(body: str) -> tuple[Coverage, Coverage, list[Probe]]:
    """Coverage by the probes every template gets, coverage after the search, and what the search added."""
    source = parse(HEAD + body + TAIL)
    plain = Observer(source, PLACEHOLDERS)
    plain.see(probes_for(source))
    probes, observer = reaching(source)
    return plain.coverage(), observer.coverage(), list(probes[len(probes_for(source)) :])


@pytest.mark.parametrize(
    "body",
    [
        "{% if '[DONE]' in m.content %}{{ 'done' }}{% endif %}",
        "{% if m.content.endswith('<cut>') %}{{ 'cut' }}{% endif %}",
        "{% if m.reasoning_content is defined and not m.reasoning_content %}{{ 'none' }}{% endif %}",
        "{% if m.tool_calls is defined and not m.tool_calls %}{{ '[]' }}{% endif %}",
        "{% for call in m.tool_calls or [] %}{% if call is string %}{{ call }}{% endif %}{% endfor %}",
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
    ],
)
def test_what_a_template_reads_is_probed_at_once(body: str) -> None:
    assert observed(body)[0].unmarked == ()


def test_what_nothing_reaches_is_named_by_its_line() -> None:
    _, after, _ = observed("\n{% if m.content == m.role ~ 'never' %}{{ 'odd' }}{% endif %}")
    assert after == Coverage(outputs=after.outputs, unmarked=(2,))


@pytest.mark.parametrize(
    "body",
    [
        "{% if m.role == 'user' %}{{ 'odd' }}{% endif %}",
        "{% set who = 'model' if m.role == 'assistant' else m.role %}{% if who != 'model' %}{{ 'odd' }}{% endif %}",
        "{% if add_generation_prompt and m.never %}{{ 'odd' }}{% endif %}",
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
    assert asked_variables(source) == ["company"]
