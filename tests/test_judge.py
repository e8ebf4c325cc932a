"""The judge refutes every wrong placement and accepts the right ones."""

from __future__ import annotations

import pytest

from templatefix.analysis import Trace
from templatefix.fixing import fix
from templatefix.judge import judge
from templatefix.judge.claims import prompt_unmarked
from templatefix.model import Claim, Policy, Rendered, Span, Template, Verdict
from templatefix.render.origins import Origin
from templatefix.render.traced import TracedRender
from tests.conftest import fixture

RIGHT = """\
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|assistant|>' }}
        {%- generation %}
        {{- message.content }}
        {{- '<|end|>' }}
        {%- endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|' + message.role + '|>' + message.content + '<|end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
"""
OPEN, CLOSE = "        {%- generation %}\n", "        {%- endgeneration %}\n"
HEADER = "        {{- '<|assistant|>' }}\n"
STOP = "        {{- '<|end|>' }}\n"
NEWLINE = "        {{- '\\n' }}\n"
USER = "        {{- '<|' + message.role + '|>' + message.content + '<|end|>\\n' }}\n"

WRONG = {
    "no marker": RIGHT.replace(OPEN, "").replace(CLOSE, ""),
    "header trained": RIGHT.replace(HEADER + OPEN, OPEN + HEADER),
    "end of turn outside": RIGHT.replace(STOP + CLOSE, CLOSE + STOP),
    "newline trained": RIGHT.replace(CLOSE + NEWLINE, NEWLINE + CLOSE),
    "only the end of turn": RIGHT.replace(OPEN, "").replace(STOP, OPEN + STOP),
    "user trained": RIGHT.replace(USER, OPEN + USER + CLOSE),
    "users trained too": RIGHT.replace(OPEN, "")
    .replace(CLOSE, "")
    .replace("{%- for", "{%- generation %}{%- for")
    .replace("{%- endfor %}", "{%- endfor %}{%- endgeneration %}"),
    "last turn only": RIGHT.replace(OPEN, "        {%- if loop.last %}{%- generation %}\n").replace(
        CLOSE,
        "        {%- endgeneration %}{%- else %}{{- message.content + '<|end|>' }}{%- endif %}\n",
    ),
    "in a set block": RIGHT.replace(HEADER, "        {%- set turn %}\n" + HEADER).replace(
        CLOSE, CLOSE + "        {%- endset %}\n        {{- turn }}\n"
    ),
}


def test_the_right_placement_holds() -> None:
    verdict = judge(RIGHT, original=WRONG["no marker"])
    assert verdict.outcome == "holds"
    assert verdict.proven
    judged = {check.claim for check in verdict.checks}
    assert judged == {
        claim
        for claim in Claim
        if "TOKEN" not in claim and claim not in ("CALLS_TRAINED", "REASONING_TRAINED")
    }
    assert "header excluded" in str(verdict.policy)


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_placement_fails(name: str) -> None:
    verdict = judge(WRONG[name], original=WRONG["no marker"], policy=Policy(whitespace="excluded"))
    assert verdict.outcome == "fails"
    assert verdict.blame is not None


def test_a_leak_is_named() -> None:
    verdict = judge(WRONG["user trained"])
    leaks = [check for check in verdict.checks if check.claim is Claim.NO_LEAK and check.outcome == "fails"]
    assert leaks
    assert leaks[0].actual == "Quince1 spoke of resu1 today."


def test_transformers_counts_wrongly_in_a_set_block() -> None:
    verdict = judge(WRONG["in a set block"])
    assert verdict.of(Claim.TRACKER_TRUE) == "fails"


@pytest.mark.parametrize(
    "change", [("<|end|>", "<|stop|>"), ("message.content }}", "message.content | upper }}")]
)
def test_another_text_fails(change: tuple[str, str]) -> None:
    verdict = judge(RIGHT.replace(*change), original=WRONG["no marker"])
    assert verdict.of(Claim.SAME_TEXT) == "fails"
    assert not verdict.proven


def test_a_patch_that_renders_what_the_original_refuses_fails() -> None:
    strict = WRONG["no marker"].replace(
        "{%- for", "{%- if tools %}{{ raise_exception('no') }}{% endif %}{%- for"
    )
    verdict = judge(RIGHT, original=strict)
    assert verdict.of(Claim.SAME_TEXT) == "fails"


@pytest.mark.parametrize(
    "source", ["{{ raise_exception('never') }}", "{{ messages[0].absent.key }}", "nothing"]
)
def test_nothing_judged_is_undecided(source: str) -> None:
    verdict = judge(source)
    assert verdict.outcome == "undecided"
    assert verdict.blame is not None
    assert verdict.blame.detail


def test_one_turn_alone_proves_nothing() -> None:
    single = "{%- if messages | length > 2 %}{{ raise_exception('one turn only') }}{% endif %}"
    verdict = judge(single + RIGHT)
    assert verdict.outcome == "undecided"
    assert verdict.blame is not None
    assert "two assistant turns" in verdict.blame.detail


def test_an_empty_verdict_is_undecided() -> None:
    assert Verdict().outcome == "undecided"


NEVER = "        {%- if message.content == message.role ~ ' never said' %}{{- '<odd>' }}{%- endif %}\n"


def test_a_marked_output_that_no_probe_reached_is_noted() -> None:
    verdict = judge(RIGHT.replace(STOP, NEVER + STOP))
    assert verdict.outcome == "holds"
    assert "line 6" in verdict.notes[0].text


def test_an_unmarked_output_that_no_probe_reached_is_a_hole() -> None:
    verdict = judge(RIGHT.replace(HEADER, HEADER + NEVER))
    assert verdict.outcome == "undecided"
    assert verdict.blame is not None
    assert "line 4" in verdict.blame.detail


@pytest.mark.parametrize(
    "test",
    [
        "message.role == 'user' and message.content == 'never said'",
        "message.role in ['user', 'tool'] and message.content == 'never said'",
        "not (message['role'] == 'assistant') and message.content == 'never said'",
        "message.role.lower() == 'user' and message.content == 'never said'",
    ],
)
def test_what_no_assistant_can_reach_is_no_hole(test: str) -> None:
    source = RIGHT.replace(
        "{%- endfor %}", f"{{%- if {test} %}}{{{{- '<odd>' }}}}{{%- endif %}}{{%- endfor %}}"
    )
    assert judge(source).outcome == "holds"


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ("messages[at]", "holds"),
        ("messages[at - 1]", "holds"),
        ("messages[at] if at else {}", "undecided"),
    ],
)
def test_the_item_that_an_index_counts_is_the_message(item: str, outcome: str) -> None:
    source = RIGHT.replace("message in messages", "at in range(messages | length)").replace(
        "    {%- if message.role == 'assistant' %}",
        f"    {{%- set message = messages[at] %}}{{%- set it = {item} %}}"
        "    {%- if it.role == 'user' and it.note == 'never' %}{{- '<odd>' }}{%- endif %}"
        "    {%- if message.role == 'assistant' %}",
    )
    assert judge(source).outcome == outcome


def test_an_operand_that_printed_nothing_is_a_hole() -> None:
    secret = "(message.content if message.content == message.role ~ ' never said' else '')"
    source = RIGHT.replace(
        "{{- '<|assistant|>' }}\n        {%- g", f"{{{{- '<|assistant|>' + {secret} }}}}\n        {{%- g"
    )
    assert source != RIGHT
    assert judge(source).outcome == "undecided"


def test_what_a_template_tests_is_probed() -> None:
    source = RIGHT.replace(HEADER, HEADER + "        {%- if message.note %}{{- message.note }}{%- endif %}\n")
    verdict = judge(source)
    assert verdict.outcome == "fails"
    assert verdict.blame is not None
    assert "messages with 'note'" in verdict.blame.probe


def test_a_template_that_closes_no_turn_is_noted() -> None:
    source = fixture("no_terminator").replace(
        "'Assistant: ' + message.content + '\\n' }}",
        "'Assistant: ' }}{% generation %}{{ message.content }}{% endgeneration %}{{ '\\n' }}",
    )
    verdict = judge(source)
    assert verdict.outcome == "holds"
    assert "learns to stop only where what opens the next turn ('Human:') is marked" in verdict.notes[0].text


def test_an_answer_of_nothing_needs_no_header() -> None:
    bare = "{%- if m.content %}{{- '<|assistant|>' }}{%- endif %}"
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}"
        + bare
        + "{% generation %}{{ m.content or '' }}"
        "{{ '<|end|>' if m.content else '' }}{% endgeneration %}{% else %}{{ '<|' + m.role + '|>' + m.content }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )
    assert "turn-without-header" not in [note.name for note in judge(source).notes]


def _saying(more: str) -> str:
    return (
        "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% generation %}"
        + more
        + "{{ '<|end|>' }}{% endgeneration %}{% else %}{{ m.content + '<|end|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("{{ m.content or '' }}{{ m.stdout or '' }}", "'stdout'"),
        ("{{ m.content or '' }}{% for each in m.evidence or [] %}{{ each.quote }}{% endfor %}", "'evidence'"),
        (
            "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content or [] %}"
            "{{ part.text if part.type != 'execution' else '<x>' + part.text }}{% endfor %}{% endif %}",
            "'content[execution]'",
        ),
    ],
)
def test_an_unusual_key_that_is_trained_is_noted(more: str, key: str) -> None:
    [note] = [each for each in judge(_saying(more)).notes if each.name == "unusual-key-trained"]
    assert f"prints {key} of" in note.text


def test_usual_keys_are_not_noted() -> None:
    more = (
        "{{ m.reasoning_content or '' }}{{ m.content or '' }}"
        "{% for call in m.tool_calls or [] %}{{ call.function.name }}{{ call.function.arguments | tojson }}{% endfor %}"
    )
    assert "unusual-key-trained" not in [note.name for note in judge(_saying(more)).notes]


def test_what_opens_every_message_is_no_other_role_s_header() -> None:
    source = (
        "{% for m in messages %}{% if m.role != 'tool' %}{{ '<|' + m.role + '|>' }}{% endif %}"
        "{% if m.role == 'assistant' %}{% generation %}{{ '<|text|>' + (m.content or '') + '<|end|>' }}"
        "{% endgeneration %}{% else %}{{ '<|text|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )
    failed = [check for check in judge(source).checks if check.outcome == "fails" and check.claim.of_mask]
    assert not failed


def test_the_model_may_stop_with_what_opens_a_question() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}"
        "{{ '<|user|>' if loop.first or messages[loop.index0 - 1].role != 'assistant' else '' }}{{ m.content }}"
        "{% elif m.role == 'assistant' %}{{ '<|assistant|>' }}{% generation %}{{ (m.content or '') + '<|user|>' }}"
        "{% endgeneration %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )
    leaks = [
        check for check in judge(source).checks if check.claim is Claim.NO_LEAK and check.outcome == "fails"
    ]
    assert not leaks


ANSWERED = "\nAnswered.<|end|>\nSaid.<|end|>\n"


@pytest.mark.parametrize(
    ("span", "unasked", "outcome"),
    [
        ("<|end|>\n<|assistant|>", ANSWERED, "fails"),
        ("<|assistant|>", ANSWERED, "fails"),
        ("<|end|>", ANSWERED, "holds"),  # it closes what was said, whether a prompt is asked for or not
        ("<|end|>", "", "fails"),
    ],
)
def test_what_is_printed_unasked_is_no_generation_prompt(span: str, unasked: str, outcome: str) -> None:
    text = f"{ANSWERED}<|assistant|>"
    start = text.rindex(span)
    rendered = Rendered(text, (Span(start, start + len(span)),))
    origins = [(Origin("literal", 0), "\n"), (Origin("message", (1, "content")), "Answered.")]
    origins += [(Origin("literal", 9), "")]
    origins += [(Origin("literal", 20), "<|end|>\n"), (Origin("message", (0, "content")), "Said.")]
    origins += [(Origin("literal", 40), "<|end|>\n<|assistant|>")]
    trace = Trace(TracedRender(text, tuple((origin, 0, len(said)) for origin, said in origins)))
    assert prompt_unmarked("probe", rendered, trace, [0], unasked).outcome == outcome


def test_tools_are_offered_where_the_assistant_opens() -> None:
    offered = "    {%- if loop.first and tools %}{{- '<tools>' }}{%- endif %}\n"
    source = RIGHT.replace("    {%- if message.role", f"{offered}    {{%- if message.role")
    assert judge(source).outcome == "holds"


def test_a_marked_prompt_fails_where_nothing_of_the_question_is_printed() -> None:
    right = fix(Template.from_source(fixture("parts_only"))).after
    marked = "{%- generation %}{{- '<assistant>' }}{%- endgeneration %}"
    verdict = judge(right.replace("{{- '<assistant>' }}\n{%- endif %}", f"{marked}\n{{%- endif %}}"))
    assert judge(right).outcome == "holds"
    assert verdict.outcome == "fails" and verdict.blame is not None
    assert verdict.blame.detail == "the generation prompt is marked"


HELD = """\
{%- for message in messages %}
    {{- '<|' + message.role + '|>' }}
    {%- if message.role == 'assistant' %}
        {%- for call in message.tool_calls or [] %}
            {{- '<call>' + call.function.name + call.function.arguments | string }}
            {{- '</call>' }}
        {%- endfor %}
        {%- for result in message.tool_responses or [] %}
            {{- '<answer>' }}
            {{- result.name ~ ' said ' ~ result.response }}
            {{- '</answer>' }}
        {%- endfor %}
    {%- endif %}
    {{- message.content or '' }}
    {{- '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
"""
CALL = "            {{- '<call>' + call.function.name + call.function.arguments | string }}\n"
CALLED, CALLING = "            {{- '</call>' }}\n", "            {{- '<answer>' }}\n"
RESULT, RESULTED = (
    "            {{- result.name ~ ' said ' ~ result.response }}\n",
    "            {{- '</answer>' }}\n",
)
SAYING = "    {{- message.content or '' }}\n    {{- '<|end|>' }}\n"
SAID = f"    {{%- if message.role == 'assistant' %}}\n{OPEN}{SAYING}{CLOSE}"
SAID += f"    {{%- else %}}\n{SAYING}    {{%- endif %}}\n"
CALLS = HELD.replace(SAYING, SAID).replace(CALL + CALLED, OPEN + CALL + CALLED + CLOSE)


def _marked(text: str) -> str:
    return OPEN + text + CLOSE


@pytest.mark.parametrize(
    ("marked", "outcome"),
    [
        (CALLS, "holds"),
        (CALLS.replace(CALLING, _marked(CALLING)), "fails"),
        (CALLS.replace(RESULT, _marked(RESULT)), "fails"),
        (CALLS.replace(RESULTED, _marked(RESULTED)), "fails"),
        (CALLS.replace(CALLED + CLOSE, CLOSE + CALLED), "fails"),
    ],
    ids=["right", "what opens a result", "a result", "what closes a result", "the call's end outside"],
)
def test_what_stands_round_a_result_that_the_caller_holds_is_judged(marked: str, outcome: str) -> None:
    assert judge(marked, original=HELD, track=False).outcome == outcome


ALIKE = ("'</answer>'", "'</call>'")
ALONE = "        {%- if message.tool_calls and not message.tool_responses %}{{- raise_exception('') }}{%- endif %}\n"
STOPPED = "{{- '|<|end|>' }}"


def _before(text: str, result: str) -> str:
    """A template that prints something more before the first result, or for each message."""
    at = "        {%- for result in" if result == ALONE else CALLING
    return text.replace(at, result + at)


def _first(text: str) -> str:
    return f"            {{%- if loop.first %}}{text}{{%- endif %}}\n"


@pytest.mark.parametrize(
    ("plain", "marked", "outcome"),
    [
        (HELD.replace(*ALIKE), CALLS.replace(*ALIKE), "holds"),
        (HELD.replace(*ALIKE), CALLS.replace(RESULTED, _marked(RESULTED)).replace(*ALIKE), "fails"),
        (_before(HELD, ALONE), _before(CALLS, ALONE), "undecided"),
        (_before(HELD, ALONE), _before(CALLS.replace(RESULTED, _marked(RESULTED)), ALONE), "undecided"),
        (
            _before(HELD, _first(STOPPED)),
            _before(CALLS, _first("{%- generation %}" + STOPPED + "{%- endgeneration %}")),
            "holds",
        ),
        (_before(HELD, _first(STOPPED)), _before(CALLS, _first(STOPPED)), "fails"),
    ],
    ids=[
        "closed alike",
        "closed alike, trained",
        "never alone",
        "never alone, trained",
        "stopped",
        "stop outside",
    ],
)
def test_a_result_is_told_from_what_stands_there_without_it(plain: str, marked: str, outcome: str) -> None:
    assert plain != HELD
    assert judge(marked, original=plain, track=False).outcome == outcome


def test_an_included_header_begins_where_the_turn_before_it_ends() -> None:
    plain = "{% for m in messages %}{{ '<|' + m.role + '|>' }}{{ m.content }}{{ STOP }}{% endfor %}".replace(
        "STOP",
        "'<|return|>' if loop.last and m.role == 'assistant' and not add_generation_prompt else '<|end|>'",
    )
    plain += "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    body = plain[plain.index("{{ '<|'") : plain.index("{% endfor")]
    marked = plain.replace(
        body,
        "{% if m.role == 'assistant' %}{% generation %}"
        + body
        + "{% endgeneration %}{% else %}"
        + body
        + "{% endif %}",
    )
    verdict = judge(marked, original=plain, policy=Policy(header="included"), track=False)
    assert verdict.outcome == "holds"


SAY = "{{- '<say>' }}"
LATE = f"    {{%- if message.tool_responses %}}{SAY}{{%- endif %}}\n"
EARLY = LATE.replace("if message", "if not message")


@pytest.mark.parametrize(
    ("opened", "outcome"),
    [(f"{OPEN}    {SAY}\n", "holds"), (LATE + OPEN + EARLY, "fails")],
    ids=["inside", "outside behind results"],
)
def test_what_opens_every_answer_is_owed_behind_a_result_too(opened: str, outcome: str) -> None:
    say = f"    {{%- if message.role == 'assistant' %}}{SAY}{{%- endif %}}\n"
    marked = CALLS.replace(OPEN + SAYING, opened + SAYING)
    assert judge(marked, original=HELD.replace(SAYING, say + SAYING), track=False).outcome == outcome
