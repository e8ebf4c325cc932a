"""The hard shapes: a small template of ours for each, patched, and the text that transformers then masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from templatefix.api import verify_template
from templatefix.errors import RenderError
from templatefix.fixing import fix
from templatefix.model import Candidate, Message, Template
from templatefix.probes import PLACEHOLDERS
from templatefix.render import Renderer
from templatefix.syntax import parse, same_without_markers
from templatefix.synthesis import candidates
from templatefix.synthesis.parting import shared_end
from tests.conftest import expectations, fixture

CHAT: list[Message] = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "No."},
]


STOPS = ("<|user|>", "<|observation|>")
NEXT_ROLE = """{%- for m in messages -%}
{%- if m.role == 'user' -%}<|user|>{{ m.content }}
{%- elif m.role == 'assistant' -%}<|assistant|>{{ m.content }}
{%- elif m.role == 'tool' -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}
        {{- '<|observation|>' -}}
    {%- endif -%}
    {{- '<r>' + m.content + '</r>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"""


def masked(source: str, messages: list[Message], **options: Any) -> tuple[str, list[str]]:
    """What transformers renders, and the stretches of it that it masks; touching ones joined."""
    texts, spans = render_jinja_template(
        [messages],
        chat_template=source,
        return_assistant_tokens_mask=True,
        bos_token="<s>",
        eos_token="</s>",
        **options,
    )
    joined: list[list[int]] = []
    for start, end in spans[0]:
        if joined and joined[-1][1] == start:
            joined[-1][1] = end
        elif end > start:
            joined.append([start, end])
    return texts[0], [texts[0][start:end] for start, end in joined]


SHAPES = {
    "parity": ("wrap", [" Yes.</s>", " No.</s>"]),
    "bare_else": ("guard", ["Yes. [/A]", "No. [/A]"]),
    "set_concatenated": ("partition", ["Yes.<|stop|>", "No.<|stop|>"]),
    "content_macro": ("guard", ["Yes.<|finish|>", "No.<|finish|>"]),
    "role_macro": ("partition", ["Yes.<|stop|>", "No.<|stop|>"]),
    "namespace_text": ("partition", ["Yes.<|stop|>", "No.<|stop|>"]),
    "set_block": ("partition", ["Yes.<|stop|>", "No.<|stop|>"]),
    "shared_end": ("guard", ["Yes.<|stop|>", "No.<|stop|>"]),
    "two_loops": ("guard", ["Yes.<|stop|>", "No.<|stop|>"]),
    "slice": ("guard", ["Yes.<|stop|>", "No.<|stop|>"]),
    "header_before": ("wrap", ["Yes.<|stop|>", "No.<|stop|>"]),
    "rebuilt": ("split", ["Yes.<|stop|>", "No.<|stop|>"]),
    "continue_break": ("split", ["Yes.<|stop|>", "No.<|stop|>"]),
    "indented_output": ("split", ["    Yes.<|stop|>", "    No.<|stop|>"]),
    "remapped_role": ("guard", ["Yes.</turn>", "No.</turn>"]),
    "unclosed_last": ("guard", ["Yes.<|over|>", "No."]),
    "next_role_stops": ("split", ["\n<think></think>\nYes.", "\n<think></think>\nNo."]),
    "no_role": ("guard", ["Yes.</s>", "No.</s>"]),
    "two_headers": ("capture", ["Yes.<|im_end|>", "No.<|im_end|>"]),
    "stop_in_next": ("guard", ["Yes.<|stop|>", "No."]),
    "never_prompts": ("guard", ["Yes.<|stop|>", "No.<|stop|>"]),
    "kinds_of_header": ("split", ["Yes.<|stop|>", "No.<|stop|>"]),
    "bare_lead": ("wrap", ["Yes.", "No."]),
    "written_parts": ("guard", ["Yes.<over>", "No."]),
    "unasked_prompt": ("partition", ["Yes.<over>", "No."]),
    "message_tools": ("guard", ["\nYes.", "\nNo."]),
    "last_apart": ("split", ["Yes.\n<over>", "No.\n<over>"]),
    "closed_by_next": ("guard", ["Yes.<|end|>", "No.<|end|>"]),
    "ends_once": ("guard", ["Yes.", "No.</s>"]),
    "opens_apart": ("wrap", ["<say>Yes.</say></turn>", "<say>No.</say></turn>"]),
    "question_asks": ("wrap", ["Yes.\n", "No.\n"]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    method, texts = SHAPES[name]
    outcome = fix(Template.from_source(fixture(name)))
    assert (outcome.status, outcome.method) == ("patched", method), outcome.reason
    assert outcome.verdict.outcome == "holds"
    assert outcome.verdict.proven is (method not in ("partition", "capture"))
    text, trained = masked(outcome.after, CHAT)
    assert trained == texts
    assert text == masked(outcome.before, CHAT)[0]
    assert fix(Template.from_source(outcome.after)).status == "correct"


# The patches are right, whatever the judge of the day can decide of them.
PLACED = {
    "late_end": ["Yes.<|assistant_end|>", "No.<|assistant_end|>"],
    "indexed": ["Yes.<|stop|>", "No.<|stop|>"],
    "last_turn_differs": ["Yes.<|end|>", "No.<|return|>"],
}


@pytest.mark.parametrize("name", PLACED)
def test_placed(name: str) -> None:
    source = parse(fixture(name))
    candidate = next(each for each in candidates(expectations(source)) if isinstance(each, Candidate))
    assert masked(candidate.after, CHAT)[1] == PLACED[name]
    assert same_without_markers(source, parse(candidate.after))


HEADERS = {
    "set_concatenated": "<|assistant|>\n",
    "role_macro": "<|bot|>\n",
    "namespace_text": "<|assistant|>",
    "two_headers": "<|im_start|>assistant\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_somebody_types_is_text(name: str) -> None:
    header, stop = HEADERS[name], SHAPES[name][1][0].removeprefix("Yes.")
    typed: list[Message] = [
        {"role": "system", "content": f"{header}s"},
        {"role": "user", "content": f"{header}q{stop}\n"},
        {"role": "assistant", "content": f"{header}a{stop} {header}b"},
    ]
    outcome = fix(Template.from_source(fixture(name)))
    text, trained = masked(outcome.after, typed)
    assert trained == [f"{header}a{stop} {header}b{stop}"]
    assert text == masked(outcome.before, typed)[0]


@pytest.mark.parametrize("value", [None, 3, ["a"], {"b": 1}])
@pytest.mark.parametrize("name", [*SHAPES, *PLACED])
def test_what_fails_still_fails_and_what_prints_still_prints(name: str, value: Any) -> None:
    messages: list[Message] = [CHAT[0], {"role": "assistant", "content": value}]
    found = [each for each in candidates(expectations(parse(fixture(name)))) if isinstance(each, Candidate)]

    def shown(source: str) -> str | None:
        try:
            return Renderer(source, PLACEHOLDERS).render(messages).text
        except RenderError:
            return None

    assert {shown(each.after) for each in found} == {shown(fixture(name))}


REPAIRED = {"wrong_markers": "split", "buffered_markers": "partition"}


@pytest.mark.parametrize("name", REPAIRED)
def test_wrong_markers_are_repaired(name: str) -> None:
    before = fixture(name)
    outcome = fix(Template.from_source(before))
    assert (outcome.status, outcome.method) == ("patched", REPAIRED[name]), outcome.reason
    assert outcome.before == before
    text, trained = masked(outcome.after, CHAT)
    assert trained == ["Yes.<|stop|>", "No.<|stop|>"]
    assert text == masked(before, CHAT)[0]


def test_a_repair_that_would_change_the_text_is_refused() -> None:
    outcome = fix(Template.from_source(fixture("hiding_markers")))
    assert outcome.status == "refused"
    assert outcome.after == outcome.before
    assert "with its old markers the template prints another text" in outcome.reason


CAPTURES = {
    "a name is set in the turn and read behind": (
        "{%- for m in messages %}{%- set stop = '' %}{%- if m.role == 'assistant' %}"
        "{{- '<a>' }}{%- set stop = '</a>' %}"
        "{%- if m.content %}{{- '\\n' + m.content }}{%- else %}{{- '\\n' }}{%- endif %}"
        "{%- else %}{{- '<u>' + m.content }}{%- endif %}{{- stop }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<a>\\n' }}{%- endif %}"
    ),
    "the turn ends the loop": (
        "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<a>' }}"
        "{%- if m.content %}{{- '\\n' + m.content + '</a>' }}{%- else %}{{- '\\n</a>' }}{%- continue %}{%- endif %}"
        "{%- else %}{{- '<u>' + m.content }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<a>\\n' }}{%- endif %}"
    ),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_no_capture_hides_what_is_needed_behind_it(name: str) -> None:
    before = CAPTURES[name]
    for messages in (CHAT, [*CHAT[:3], {"role": "assistant", "content": ""}]):
        for each in candidates(expectations(parse(before))):
            if isinstance(each, Candidate):
                assert masked(each.after, messages)[0] == masked(before, messages)[0], each.method


def test_a_shared_end_begins_with_a_whole_word() -> None:
    assert shared_end(["x<|a|>\n", "y<|a|>\n"]) == "<|a|>\n"
    assert shared_end(["this is", "was his"]) == ""
    assert shared_end(["Bot:", "Bot:"]) == "Bot:"
    assert shared_end([" \n", "\n"]) == ""


def test_the_next_roles_token_is_marked_where_it_is_the_stop() -> None:
    template = replace(Template.from_source(NEXT_ROLE), special_tokens=STOPS)
    outcome = fix(template)
    assert (outcome.status, outcome.method) == ("patched", "guard"), outcome.reason
    assert outcome.verdict.proven and "loop.previtem is defined" in outcome.after
    chat = [*CHAT[:2], {"role": "tool", "content": "3"}, {"role": "tool", "content": "4"}, *CHAT[1:]]
    assert masked(outcome.after, chat)[1] == ["Yes.<|observation|>", "Yes.<|user|>", "No."]
    assert masked(outcome.after, [CHAT[0], CHAT[0]])[1] == []
    assert verify_template(replace(template, source=outcome.after)).outcome == "holds"


def test_a_turn_without_the_token_with_which_its_model_stops_is_wrong() -> None:
    plain = fix(Template.from_source(NEXT_ROLE))
    assert plain.status == "patched" and "previtem" not in plain.after
    known = Template(plain.after, special_tokens=STOPS)
    verdict = verify_template(known)
    assert (verdict.outcome, verdict.blame and verdict.blame.fault) == ("fails", "end-of-turn-untrained")
    assert verify_template(Template(plain.after)).outcome == "holds"
