"""What is owed, written down by hand for our own templates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from templatefix.oracle import Expectation, Oracle, Owed, Undecided, expect
from templatefix.oracle.texts import whole
from templatefix.probes import MATRIX, PLACEHOLDERS, read_schema, with_key
from templatefix.render import Renderer
from templatefix.syntax import parse
from tests.conftest import fixture

A1, A2 = "Tamsin1 spoke of tnatsissa1 today.", "Tamsin2 spoke of tnatsissa2 today."
R1, R2 = "Pondering1 the gnihtam1 of it.", "Pondering2 the gnihtam2 of it."
CALL = '<call>weather_at {"place": "Ossory1x0"}</call>'


def owed(source: str, probe: str) -> list[str | None]:
    """The owed text of each turn at its widest; `None` where undecided."""
    found = next(each for each in expect(Renderer(source, PLACEHOLDERS), MATRIX) if each.probe.name == probe)
    assert found.text is not None
    return [
        found.text[min(turn.starts) : min(turn.ends)] if isinstance(turn, Owed) else None
        for turn in found.turns
    ]


@pytest.mark.parametrize(
    ("template", "probe", "texts"),
    [
        ("branches", "two turns", [f"{A1}<|end|>", f"{A2}<|end|>"]),
        ("branches", "empty answer", ["<|end|>", "Tamsin9 spoke of tnatsissa9 today.<|end|>"]),
        ("branches", "whitespace at the edges", [f" {A1}\n<|end|>", f" {A2}\n<|end|>"]),
        ("literal_split", "two turns", [f"{A1}<|probe-eos|>", f"{A2}<|probe-eos|>"]),
        ("raw_text", "two turns", [f"{A1}</bot>", f"{A2}</bot>"]),
        ("generic_role", "ends with the user", [f"{A1}<|im_end|>", f"{A2}<|im_end|>"]),
        ("no_prompt", "two turns", [f" {A1}<|probe-eos|>", f" {A2}<|probe-eos|>"]),
        ("no_prompt", "two answers in a row", [f" {A1}<|probe-eos|>", f" {A2}<|probe-eos|>"]),
        ("eos_after_loop", "two turns", [f"{A1}<|end|>", f"{A2}<|end|>"]),
        (
            "stripped_thinking",
            "reasoning field, two turns",
            [f"{A1}<|im_end|>", f"<think>\n{R2}\n</think>\n\n{A2}<|im_end|>"],
        ),
        ("no_terminator", "two turns", [A1, A2]),
        ("tool_calls", "call at the end", [f"{CALL}<|stop|>"]),
        ("tool_calls", "tool call with reasoning", [f"<think>{R1}</think>\n{CALL}<|stop|>", f"{A2}<|stop|>"]),
        ("last_turn_differs", "one turn", [f"{A1}<|return|>"]),
        ("last_turn_differs", "two turns", [f"{A1}<|end|>", f"{A2}<|return|>"]),
        ("unclosed_last", "two turns", [f"{A1}<|over|>", A2]),
        ("unclosed_last", "two answers in a row", [f"{A1}<|over|>", f"{A2}<|over|>"]),
        ("unclosed_last", "assistant first", [f"{A1}<|over|>", "Tamsin9 spoke of tnatsissa9 today."]),
        ("judge_model", "one turn", [None]),
        ("bare_lead", "two turns", [A1, A2]),
        ("bare_lead", "whitespace at the edges", [A1, A2]),
        ("bare_lead", "system in the middle", [A1, "Tamsin9 spoke of tnatsissa9 today."]),
    ],
)
def test_owed_text(template: str, probe: str, texts: list[str | None]) -> None:
    found = owed(fixture(template), probe)
    assert found[: len(texts)] == texts


IN_TURN = "<call>weather_at {'place': 'Ossory1x0'}</call>"
NAMED = '<call>tally1x0 {"place": "Ossory1x0"}</call>'


@pytest.mark.parametrize(
    ("probe", "turns"),
    [
        ("tool call", [[f"{IN_TURN}<answer>"], [f"{A2}<|stop|>"]]),
        ("tool call, JSON", [[f"{NAMED}<answer>"], [f"{A2}<|stop|>"]]),
        ("tool call with content", [[f"{IN_TURN}<answer>", "Looking."], [f"{A2}<|stop|>"]]),
        ("tool call, JSON, with content", [[f"{NAMED}<answer>", "Looking."], [f"{A2}<|stop|>"]]),
    ],
)
def test_results_within_a_turn_are_not_owed(probe: str, turns: list[list[str]]) -> None:
    found = expect(Renderer(fixture("results_in_turn"), PLACEHOLDERS), MATRIX)
    of_probe = next(each for each in found if each.probe.name == probe)
    assert [around(of_probe, turn) for turn in of_probe.turns[:2]] == turns


def around(found: Expectation, turn: Owed | Undecided) -> list[str]:
    """What a turn owes for sure: its span without the holes in it."""
    assert isinstance(turn, Owed) and found.text is not None
    edges = [
        min(turn.starts),
        *(at for hole in turn.holes for at in (max(hole.outs), min(hole.ins))),
        min(turn.ends),
    ]
    return [found.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize("content", ["", "Looking."])
def test_results_that_the_calling_message_holds_are_not_owed(content: str) -> None:
    source = parse(fixture("results_in_turn"))
    base = next(each for each in MATRIX if each.name == "call at the end with content")
    said = replace(base, messages=[base.messages[0], {**base.messages[1], "content": content}])
    probe = with_key(said, read_schema(source), ("tool_responses",))
    assert len(probe.turns[1].quoted) == 4 and not set(probe.turns[1].quoted) & set(probe.turns[1].texts)
    found = Oracle.learn(Renderer(source.text, PLACEHOLDERS), MATRIX).expect(probe)
    assert found.text is not None and isinstance(turn := found.turns[0], Owed)
    answer = found.text.index("<answer>")
    assert {found.text[slice(*place)] for place in found.foreign} >= set(probe.turns[1].quoted)
    if content:
        ended = answer + len("<answer>")
        assert turn.holes[0].outs == {ended} and ended < min(turn.holes[0].ins)
        assert found.text[: min(turn.ends)].endswith(f"{content}<|stop|>")
    else:
        assert answer + len("<answer>") in turn.ends and max(turn.ends) == answer + len("<answer>")


def test_what_is_hoisted_leads_no_question() -> None:
    hoisted = "{%- for each in messages if each.role == 'system' %}{{- '# ' + each.content }}{%- endfor %}"
    assert owed(hoisted + fixture("bare_lead"), "two turns") == [A1, A2]


def test_an_answer_that_nothing_opens_begins_at_once() -> None:
    more = "{%- if add_generation_prompt and messages and messages[-1].role != 'user' %}{{- ' <say>' }}{%- endif %}"
    system = (
        "{%- if messages and messages[0].role == 'system' %}{{- messages[0].content + '<rule>' }}{%- endif %}"
    )
    found = owed(system + fixture("bare_lead") + more, "system, assistant first")
    assert found == [A1, "Tamsin9 spoke of tnatsissa9 today."]


def test_a_prefill_that_is_printed_unasked_follows_the_end_of_turn() -> None:
    prefill = (
        "{%- if enable_thinking is defined and not enable_thinking %}{{- '<think></think>' }}{%- endif %}"
    )
    for probe in ("thinking off", "two turns"):
        assert owed(fixture("branches") + prefill, probe)[-1] == f"{A2}<|end|>"


def test_a_prefill_may_stand_on_either_side() -> None:
    found = expect(Renderer(fixture("stripped_thinking"), PLACEHOLDERS), MATRIX)
    off = next(each for each in found if each.probe.name == "thinking off")
    assert off.text is not None
    last = off.turns[-1]
    assert isinstance(last, Owed)
    assert {off.text[start : min(last.ends)] for start in last.starts} == {
        f"<think>\n\n</think>\n\n{A2}<|im_end|>",
        f"{A2}<|im_end|>",
    }


NEXT_ROLE_STOPS = fixture("next_role_stops")
THINK = "\n<think></think>"


@pytest.mark.parametrize(
    ("probe", "first"),
    [
        ("two turns", f"{THINK}\n{A1}"),
        ("two answers in a row", f"{THINK}\n{A1}"),
        ("system in the middle", f"{THINK}\n{A1}"),
        ("tool call with content", f"{THINK}\nLooking.\n<call>weather_atOssory1x0</call>"),
        ("tool call, JSON, without content", f"{THINK}\n<call>tally1x0</call>"),
    ],
)
def test_nothing_closes_a_turn_but_the_next_role(probe: str, first: str) -> None:
    assert owed(NEXT_ROLE_STOPS, probe)[0] == first


def test_a_message_that_prints_nothing_still_lets_the_turn_before_it_be_closed() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ 'User: ' + m.content + '\n' }}"
        "{% elif m.role == 'assistant' %}{{ 'Bot: ' + m.content + ('' if loop.last else '<eos>\n') }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Bot:' }}{% endif %}"
    )
    assert owed(source, "tool call with content, then the tool") == [" Looking.<eos>"]


ASKED = "{% if add_generation_prompt %}{{ '<|from|>assistant\n' }}{% endif %}"
UNCLOSED = "{% for m in messages %}{{ '<|from|>' + m.role + '\n' + m.content }}{% endfor %}" + ASKED
APPENDED = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|user|>' + m.content + '<|end|><|bot|>' }}"
    "{% elif m.role == 'assistant' %}{{ m.content + ('' if loop.last else '<|end|>') }}{% endif %}{% endfor %}"
)
DEFAULT = "{% if messages[0].role != 'system' %}{{ '<|from|>system\nHelp.' }}{% endif %}" + UNCLOSED


@pytest.mark.parametrize(
    ("source", "probe", "texts"),
    [
        (UNCLOSED, "two turns", [A1, A2]),  # what begins each message ends none
        (DEFAULT, "two turns", [A1, A2]),
        (DEFAULT, "a role of its own", [A1, "Tamsin9 spoke of tnatsissa9 today."]),
        (APPENDED, "two turns", [f"{A1}<|end|>", A2]),  # leads share the second half of the token before them
    ],
)
def test_what_begins_the_next_message_ends_no_turn(source: str, probe: str, texts: list[str]) -> None:
    assert owed(source, probe) == texts


@pytest.mark.parametrize(
    ("stop", "texts"),
    [
        (
            "{% if not loop.last %}{{ '<|eot|>' }}{% endif %}",
            ["<call>Ossory1x0</call><|eot|>", f"{A2}<|eot|>"],
        ),
        (
            "{% if not m.tool_calls %}{{ '<|eot|>' }}{% endif %}",
            [None, f"{A2}<|eot|>"],
        ),  # see the tool's message
    ],
)
def test_the_syntax_of_a_call_is_not_taken_for_its_end(stop: str, texts: list[str | None]) -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|bot|>' + (m.content or '') }}"
        "{% for c in m.tool_calls or [] %}{{ '<call>' + c.function.arguments.place + '</call>' }}{% endfor %}STOP"
        "{% elif m.role == 'tool' %}{% if loop.previtem and loop.previtem.role == 'assistant' %}EOM{% endif %}"
        "{{ '<|tool|>' + m.content }}{% else %}{{ '<|' + m.role + '|>' + m.content }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|bot|>' }}{% endif %}"
    )
    eom = "{{ '<|eom|>' }}" if texts[0] is None else ""
    assert owed(source.replace("STOP", stop).replace("EOM", eom), "tool call")[:2] == texts


def test_media_of_the_next_message_close_no_turn() -> None:
    source = NEXT_ROLE_STOPS.replace("'\\n' + m.content }}", "'\\n' + m.content[-1].text }}")
    assert owed(source, "parts with media")[0] == f"{THINK}\n{A1}"


def test_a_lead_without_a_word_tells_no_end() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ 'Bot: ' + m.content }}{% else %}"
        "{% if not loop.first %}{{ '\n#\n' }}{% endif %}{{ m.content + '\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'Bot: ' }}{% endif %}"
    )
    assert owed(source, "two turns") == [None, A2]


def test_undecided_has_a_reason() -> None:
    turns = expect(Renderer(fixture("judge_model"), PLACEHOLDERS), MATRIX)[0].turns
    assert isinstance(turns[0], Undecided)
    assert "add_generation_prompt" in turns[0].reason


@pytest.mark.parametrize(
    ("text", "other", "cut", "expected"),
    [
        ("a<|im_start|>user", "a<|im_start|>assistant", 13, 13),
        ("a<|end|>", "a<|user|>", 3, 1),
        ("yes sir", "yes sire", 7, 4),
        ("end</s><s>", "end</s>", 7, 7),
        ("[INST]", "[INTO]", 3, 0),
    ],
)
def test_a_cut_falls_between_tokens(text: str, other: str, cut: int, expected: int) -> None:
    assert whole(text, cut, other) == expected
