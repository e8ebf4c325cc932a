"""Templates for which an earlier patcher called a wrong patch proven. A refusal is right, and so is a right patch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from templatefix.fixing import fix
from templatefix.model import Message, Template
from tests.conftest import corpus

ASK: Message = {"role": "user", "content": "zq-foreign-1"}
PROMPT = "{% if add_generation_prompt %}{{ '<|a|>\n' }}{% endif %}"
USER = "{% if m.role == 'user' %}{{ '<|u|>\n' + m.content + '<|e|>\n' }}{% elif m.role == 'assistant' %}"
ANSWER = "{{ '<|a|>\n' + m.content + '<|e|>\n' }}"


def chat(body: str, before: str = "", after: str = "") -> str:
    return f"{before}{{% for m in messages %}}{USER}{body}{{% endif %}}{after}{{% endfor %}}{PROMPT}"


def answer(content: Any = "zq-own-1", **more: Any) -> Message:
    return {"role": "assistant", "content": content, **more}


def call() -> list[dict[str, Any]]:
    return [
        {"type": "function", "id": "call00001", "function": {"name": "f", "arguments": {"q": "zq-own-7"}}}
    ]


@dataclass(frozen=True)
class Case:
    source: str
    messages: list[Message] = field(default_factory=lambda: [ASK, answer()])
    options: dict[str, Any] = field(default_factory=dict)


def real(name: str) -> str:
    return corpus()[name]


TOOL: Message = {"role": "tool", "name": "f", "tool_call_id": "call00001", "content": "zq-foreign-2"}
CASES = {
    "content beside a call, then the answer": Case(
        real("trl/qwen3"), [ASK, answer("zq-own-1", tool_calls=call()), TOOL, answer("zq-own-2")]
    ),
    "two answers at the end": Case(real("trl/qwen3"), [ASK, answer("zq-own-1"), answer("zq-own-2")]),
    "history kept by a flag": Case(
        real("trl/qwen3_8"), [ASK, answer("zq-own-1"), ASK, answer("zq-own-2")], {"preserve_thinking": False}
    ),
    "the assistant speaks first": Case(
        "{% for m in messages %}{% if loop.first %}{{ 'S<|' + m.role + '|>\n' + m.content + '<|e|>\n' }}"
        "{% elif m.role == 'assistant' %}{{ '<|assistant|>\n' + m.content + '<|e|>\n' }}"
        "{% else %}{{ '<|' + m.role + '|>\n' + m.content + '<|e|>\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        [answer("zq-own-1"), ASK, answer("zq-own-2")],
    ),
    "an unknown role shares the assistant's arm": Case(
        "{% for m in messages %}{% if m.role in ['system', 'user', 'tool'] %}"
        "{{ '<|' + m.role + '|>' + m.content + '<|e|>' }}"
        "{% else %}{{ '<|' + m.role + '|>' + m.content + '<|e|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        [{"role": "developer", "content": "zq-foreign-0"}, ASK, answer()],
    ),
    "a system message in the middle": Case(
        "{% for m in messages %}{% if m.role == 'user' or (m.role == 'system' and loop.first) %}"
        "{{ '<|' + m.role + '|>' + m.content + '<|e|>' }}{% else %}{{ '<|' + m.role + '|>' + m.content + '<|e|>' }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        [ASK, answer("zq-own-1"), {"role": "system", "content": "zq-foreign-0"}, ASK, answer("zq-own-2")],
    ),
    "a field inside an operand": Case(
        chat("{{ '<|a|>\n' + ('<t>' + m.thought + '</t>' if m.thought else '') + m.content + '<|e|>\n' }}"),
        [ASK, answer(thought="zq-own-2"), ASK, answer("zq-own-3")],
    ),
    "a message under another name": Case(
        "{% for m in messages %}{% if m.hidden %}{% set m = {'role': 'assistant', 'content': m.content} %}{% endif %}"
        "{{ '<|' + m.role + '|>' + m.content + '<|e|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        [{**ASK, "hidden": True}, answer()],
    ),
    "escaped text": Case(
        chat("{{ '<|a|>\n' + (m.content | e if esc else m.content) + '<|e|>\n' }}"), options={"esc": True}
    ),
    "a name that a block defines anew": Case(
        chat("{{ '<|a|>\n' }}{{ m.content }}{{ ' via ' ~ caller if caller is string }}{{ '<|e|>\n' }}"),
        options={"caller": "BOB"},
    ),
    "a macro reads what a block hides": Case(
        chat(
            "{{ '<|a|>\n' }}{{ m.content }}{% if m.note %}{% set x = m.note %}{% endif %}{{ '<|e|>' }}{{ '\n' }}",
            before="{% set x = 'X' %}",
            after="{% macro f() %}{{ x }}{% endmacro %}{{ f() }}",
        ),
        [ASK, answer(note="N")],
    ),
    "a guard whose test raises": Case(
        "{% for m in messages %}{% set role = m.role %}{% set text = m.content %}"
        "{% if m.flag %}{% set m = m.missing %}{% endif %}{{ '<|' + role + '|>\n' + text + '<|e|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        [{**ASK, "flag": True}, answer()],
    ),
    "the next message prints the stop": Case(
        "{% for m in messages %}{% if m.role == 'user' %}{% if not loop.first %}</s>{% endif %}USER: {{ m.content }}"
        "{% elif m.role == 'assistant' %} ASSISTANT: {{ m.content | trim }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %} ASSISTANT: {% endif %}",
        [ASK, answer("zq-own-1"), ASK, answer("zq-own-2")],
    ),
    "a role that shares the assistant's branch": Case(
        "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' or m.role == 'function' %}"
        "{{ m.content + '<|e|>' }}{% else %}{{ m.content + '<|e|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        [ASK, answer("zq-own-1"), {"role": "function", "content": "zq-foreign-2"}, answer("zq-own-2")],
    ),
    "a family's text, and more": Case(
        real("trl/llama3").replace(
            "{{ content }}", "{{ content }}{% if message.audit %}{{ content | length }}{% endif %}"
        ),
        [ASK, answer(audit=True)],
    ),
}


def render(source: str, case: Case) -> tuple[str, list[tuple[int, int]]] | str:
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    try:
        texts, spans = render_jinja_template(
            [case.messages],
            chat_template=source,
            return_assistant_tokens_mask=True,
            **special,
            **case.options,
        )
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        return type(error).__name__
    return texts[0], spans[0]


@pytest.mark.parametrize("name", CASES)
def test_no_wrong_patch(name: str) -> None:
    case = CASES[name]
    outcome = fix(Template.from_source(case.source))
    if outcome.status == "refused":
        assert outcome.reason
        return
    before, after = render(case.source, case), render(outcome.after, case)
    if isinstance(before, str) or isinstance(after, str):
        assert before == after
        return
    text, spans = after
    assert text == before[0]
    for message in case.messages:
        for value in (str(message["content"]), str(message.get("thought"))):
            at = text.find(value)
            if text.count(value) == 1:
                inside = any(start <= at and at + len(value) <= end for start, end in spans)
                assert inside is (message["role"] == "assistant"), value
    if "zq-own-7" in text:
        assert any("zq-own-7" in text[start:end] for start, end in spans)


def test_an_answer_that_a_name_turns_into_an_example_is_not_trained() -> None:
    source = (
        "{% for m in messages %}{% set who = 'system' if m.name in ['shot_in', 'shot_out'] else m.role %}"
        "{{ '<|' + who + '|>\n' + m.content + '<|e|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
    )
    case = Case(source, [{**ASK, "name": "shot_in"}, answer(name="shot_out"), ASK, answer("zq-own-2")])
    outcome = fix(Template.from_source(source))
    if outcome.status != "refused":
        rendered = render(outcome.after, case)
        assert not isinstance(rendered, str)
        text, spans = rendered
        assert not any("zq-own-1" in text[start:end] for start, end in spans)


BETWEEN = {
    "the next round's beginning": "{% if not loop.last %}{{ eos_token + bos_token }}{% endif %}",
    "a reminder": "{% if not loop.last %}{{ '<|system|>Stay polite.' }}{% endif %}",
}


@pytest.mark.parametrize("name", BETWEEN)
def test_what_stands_between_rounds_is_not_taken_for_an_end(name: str) -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('alternate') }}{% endif %}{% if m.role == 'user' %}USER: {{ m.content.strip() }} "
        f"{{% else %}}ASSISTANT: {{{{ m.content.strip() }}}}{BETWEEN[name]}{{% endif %}}{{% endfor %}}"
        "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
    )
    assert fix(Template.from_source(source)).status == "refused"


HELD: dict[str, tuple[str, dict[str, Any]]] = {
    "outputs": (
        "{% for o in m.tool_outputs or [] %}{{ '<o>' + o + '</o>' }}{% endfor %}",
        {"tool_outputs": ["zq-foreign-2"]},
    ),
    "results of calls": (
        "{% for c in m.tool_calls or [] %}{{ '<c>' + c.function.name + '</c>' }}"
        "{% if c.result %}{{ '<o>' + c.result + '</o>' }}{% endif %}{% endfor %}",
        {"tool_calls": [{**call()[0], "result": "zq-foreign-2"}]},
    ),
    "an observation": (
        "{% if m.observation %}{{ '<o>' + m.observation + '</o>' }}{% endif %}",
        {"observation": "zq-foreign-2"},
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_what_tools_answered_is_not_trained_wherever_a_message_holds_it(name: str) -> None:
    body, more = HELD[name]
    case = Case(chat("{{ '<|a|>\n' }}" + body + "{{ m.content + '<|e|>\n' }}"), [ASK, answer(**more)])
    outcome = fix(Template.from_source(case.source))
    if outcome.status == "refused":
        assert outcome.reason
        return
    shown = render(outcome.after, case)
    assert not isinstance(shown, str)
    text, marked = shown[0], "".join(shown[0][start:end] for start, end in shown[1])
    assert "zq-foreign-2" in text and "zq-foreign-2" not in marked and "zq-own-1<|e|>" in marked


@pytest.mark.parametrize("weight", [1, 8])
def test_an_unreached_output_with_a_header_of_its_own_is_not_marked_whole(weight: int) -> None:
    odd = "{% if m.weight and m.weight > 7 %}{{ '<|a|>\n' + m.content + '<|e|>\n' }}{% else %}"
    case = Case(
        chat(odd + "{{ '<|a|>\n' }}{{ m.content }}{{ '<|e|>\n' }}{% endif %}"), [ASK, answer(weight=weight)]
    )
    outcome = fix(Template.from_source(case.source))
    if outcome.status == "refused":
        assert outcome.refusal is not None and outcome.refusal.kind == "untested-output"
        return
    shown = render(outcome.after, case)
    assert not isinstance(shown, str)
    assert [shown[0][start:end] for start, end in shown[1]] == ["zq-own-1<|e|>"]
