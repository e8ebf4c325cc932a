"""Patches of our own templates: the diff itself, and the text that transformers then masks."""

from __future__ import annotations

import pytest

from templatefix.fixing import fix
from templatefix.judge.tracker import tracked
from templatefix.model import Candidate, Template
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe
from templatefix.render import Renderer
from templatefix.syntax import parse, same_without_markers
from templatefix.synthesis import candidates
from tests.conftest import expectations, fixture

A1, A2 = "Tamsin1 spoke of tnatsissa1 today.", "Tamsin2 spoke of tnatsissa2 today."


def probe(name: str) -> Probe:
    return next(each for each in MATRIX if each.name == name)


PATCHED = {
    "branches": ("wrap", [f"{A1}<|end|>", f"{A2}<|end|>"]),
    "literal_split": ("split", [f"{A1}<|probe-eos|>", f"{A2}<|probe-eos|>"]),
    "raw_text": ("split", [f"{A1}</bot>", f"{A2}</bot>"]),
    "generic_role": ("guard", [f"{A1}<|im_end|>", f"{A2}<|im_end|>"]),
    "tool_calls": ("split", [f"{A1}<|stop|>", f"{A2}<|stop|>"]),
    "no_prompt": ("wrap", [f" {A1}<|probe-eos|>", f" {A2}<|probe-eos|>"]),
    "no_terminator": ("split", [f"{A1}\n", f"{A2}\n"]),
    "eos_after_loop": ("split", [f"{A1}<|end|>", f"{A2}<|end|>"]),
    "stripped_thinking": ("split", [f"{A1}<|im_end|>", f"<think>\n\n</think>\n\n{A2}<|im_end|>"]),
}


@pytest.mark.parametrize("name", PATCHED)
def test_masked_text(name: str) -> None:
    method, texts = PATCHED[name]
    outcome = fix(Template.from_source(fixture(name)), propose=candidates)
    assert (outcome.status, outcome.method) == ("patched", method), outcome.reason
    assert outcome.verdict.proven
    rendered = tracked(outcome.after, probe("two turns"), PLACEHOLDERS)
    joined = "".join(span.of(rendered.text) for span in rendered.spans)
    assert joined == "".join(texts)


def test_parts_are_masked() -> None:
    outcome = fix(Template.from_source(fixture("parts_only")))
    assert outcome.status == "patched", outcome.reason
    rendered = tracked(outcome.after, probe("parts"), PLACEHOLDERS)
    assert "".join(span.of(rendered.text) for span in rendered.spans) == f"{A1}<end>{A2}<end>"


def test_a_refusal_says_why() -> None:
    outcome = fix(Template.from_source(fixture("judge_model")))
    assert outcome.status == "refused"
    assert outcome.after == outcome.before
    assert "quotes what the assistant says as input" in outcome.reason


def test_the_diff_keeps_the_templates_style() -> None:
    outcome = fix(Template.from_source(fixture("branches")))
    added = [line[1:] for line in outcome.diff().splitlines() if line[0] == "+" and line[:3] != "+++"]
    assert added == ["        {%- generation %}", "        {%- endgeneration %}"]
    assert not [line for line in outcome.diff().splitlines() if line[0] == "-" and line[:3] != "---"]


def test_a_guard_prints_the_original_for_the_others() -> None:
    outcome = fix(Template.from_source(fixture("generic_role")))
    assert '{%- if message["role"] == "assistant" %}' in outcome.after
    plain = next(line for line in outcome.before.splitlines() if "im_end" in line)
    assert f"    {{%- else %}}\n    {plain}\n    {{%- endif %}}\n" in outcome.after


def test_an_output_that_no_probe_reaches_is_cut_behind_its_header() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% if m.content == m.role ~ 'never' %}"
        "{{ '<a>\\n</a>\\n' }}{% else %}{{ '<a>\\n' + m.content + '</a>\\n' }}{% endif %}"
        "{% else %}{{ '<u>\\n' + m.content + '</u>\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<a>\\n' }}{% endif %}"
    )
    outcome = fix(Template.from_source(source))
    assert outcome.status == "patched", outcome.reason
    assert "{{ '<a>\\n' }}{% generation %}{{ '</a>' }}{% endgeneration %}{{ '\\n' }}" in outcome.after
    assert outcome.verdict.coverage.marked == (1,)
    assert any("no probe" in note.text for note in outcome.verdict.notes)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_are_kept(newline: str) -> None:
    source = fixture("branches").replace("\n", newline)
    outcome = fix(Template.from_source(source))
    assert outcome.status == "patched"
    assert outcome.after.replace(newline, "") == fix(Template.from_source(fixture("branches"))).after.replace(
        "\n", ""
    )


HAZARDS = {
    "a name set inside is read after": (
        "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<a>' }}{{- m.content }}"
        "{%- set stop = '</a>' %}{{- stop }}{%- endif %}"
        "{%- if m.role == 'user' %}{{- '<u>' + m.content }}{%- set stop = '</u>' %}{{- stop }}{%- endif %}"
        "{%- if stop == '</a>' %}{{- '\\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<a>' }}{%- endif %}"
    ),
    "the loop is left inside": (
        "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<a>' }}{{- m.content }}{{- '</a>' }}"
        "{%- continue %}{%- endif %}{{- '<u>' + m.content + '</u>' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<a>' }}{%- endif %}"
    ),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_no_marker_encloses_a_hazard(name: str) -> None:
    outcome = fix(Template.from_source(HAZARDS[name]))
    assert outcome.status == "patched", outcome.reason
    rendered = tracked(outcome.after, probe("two turns"), PLACEHOLDERS)
    assert "".join(span.of(rendered.text) for span in rendered.spans) == f"{A1}</a>{A2}</a>"


@pytest.mark.parametrize("name", [*PATCHED, "parts_only"])
def test_candidates_are_the_same_program(name: str) -> None:
    source = parse(fixture(name))
    found = [each for each in candidates(expectations(source)) if isinstance(each, Candidate)]
    assert found
    proven = [each for each in found if each.method not in ("partition", "capture")]
    assert proven
    assert all(same_without_markers(source, parse(each.after)) for each in proven)


@pytest.mark.parametrize("stop", ["</a>", "</a>\\n"])
def test_what_no_probe_reaches_is_marked_behind_the_header_it_writes(stop: str) -> None:
    source = (
        "{%- for m in messages %}{%- if m.role == 'assistant' %}"
        f"{{%- if m.content == m.role ~ ' never said' %}}{{{{- '<a>' + m.content + '{stop}' }}}}"
        f"{{%- else %}}{{{{- '<a>' + m.content + '{stop}' }}}}{{%- endif %}}"
        "{%- else %}{{- '<u>' + m.content + '</u>' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<a>' }}{%- endif %}"
    )
    outcome = fix(Template.from_source(source))
    assert outcome.status == "patched", outcome.reason
    said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "assistant never said"}]
    rendered = Renderer(outcome.after, PLACEHOLDERS).render(said)
    assert "".join(span.of(rendered.text) for span in rendered.spans) == "assistant never said</a>"
