"""Masks that go wrong only where no probe conversation goes, and right ones that look like them."""

from __future__ import annotations

import pytest

import templatefix
from templatefix.model import Template, Verdict

HEADER, END = "'<§bot>'", "'<§stop>'"
SPAN = f"{{% generation %}}{{{{ m.content ~ {END} }}}}{{% endgeneration %}}"
RIGHT = f"{{{{ {HEADER} }}}}{SPAN}"
OTHER = "{{ '<§' ~ m.role ~ '>' ~ m.content ~ '<§stop>' }}"
NEVER = ("m.content | length > 900000", "m.mood == 'sad' and m.weather == 'fine' and loop.index0 > 7")


def chat(answer: str, other: str = OTHER, test: str = "m.role == 'assistant'", before: str = "") -> str:
    return (
        f"{{% for m in messages %}}{before}{{% if {test} %}}{answer}{{% else %}}{other}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ {HEADER} }}}}{{% endif %}}"
    )


def verify(source: str) -> Verdict:
    return templatefix.verify(Template.from_source(source))


@pytest.mark.parametrize("never", NEVER)
@pytest.mark.parametrize(
    "answer",
    [
        f"{{{{ '' if NEVER else {HEADER} }}}}{{% generation %}}{{{{ {HEADER} if NEVER else '' }}}}"
        f"{{{{ m.content ~ {END} }}}}{{% endgeneration %}}",
        f"{{{{ {HEADER} }}}}{{% generation %}}{{{{ m.content }}}}{{{{ '' if NEVER else {END} }}}}"
        f"{{% endgeneration %}}{{{{ {END} if NEVER else '' }}}}",
        f"{{% if NEVER %}}{{% generation %}}{{{{ {HEADER} ~ m.content ~ {END} }}}}{{% endgeneration %}}"
        f"{{% else %}}{RIGHT}{{% endif %}}",
        f"{{{{ {HEADER} }}}}{{% generation %}}{{{{ m.content ~ {END} ~ (' Be kind.' if NEVER else '') }}}}"
        "{% endgeneration %}",
    ],
    ids=["header inside", "end of turn outside", "a block of its own", "a remark inside"],
)
def test_a_mask_that_goes_wrong_where_no_probe_goes_is_undecided(answer: str, never: str) -> None:
    assert verify(chat(answer.replace("NEVER", never))).outcome == "undecided"


@pytest.mark.parametrize("never", NEVER)
def test_a_block_that_an_unmet_condition_opens_for_other_roles_is_undecided(never: str) -> None:
    shared = "{{ '<§' ~ ('bot' if m.role == 'assistant' else m.role) ~ '>' }}"
    other = f"{{{{ m.content ~ {END} }}}}"
    right = chat(SPAN, other, before=shared)
    wrong = chat(SPAN, other, f"m.role == 'assistant' or ({never})", before=shared)
    assert verify(right).outcome == "holds"
    assert verify(wrong).outcome == "undecided"


REMARK = "('<§system>Stay calm.<§stop>' if CONDITION else '')"
MET = ("loop.previtem is defined and loop.previtem.role == 'tool'", "mode == 'strict'", "m.mood == 'sad'")


@pytest.mark.parametrize("condition", MET)
def test_another_roles_turn_behind_the_end_of_turn_is_not_trained(condition: str) -> None:
    remark = REMARK.replace("CONDITION", condition)
    right = chat(f"{RIGHT}{{{{ {remark} }}}}")
    wrong = chat(
        f"{{{{ {HEADER} }}}}{{% generation %}}{{{{ m.content ~ {END} ~ {remark} }}}}{{% endgeneration %}}"
    )
    plain = chat(f"{{{{ {HEADER} ~ m.content ~ {END} ~ {remark} }}}}")
    assert verify(right).outcome == "holds"
    assert verify(wrong).outcome == "fails"
    outcome = templatefix.fix(Template.from_source(plain))
    assert outcome.status == "patched"
    assert "Stay calm" not in marked(outcome.after)


def marked(source: str) -> str:
    """The source text between generation tags."""
    parts = source.split("{% generation %}")[1:]
    return "".join(part.split("{% endgeneration %}")[0] for part in parts)


@pytest.mark.parametrize(
    "condition",
    [
        "m.weight is defined and m.weight * 2 < 1",
        "loop.index0 // 10 == 3",
        "'<think>' in m.content and '</think>' not in m.content",
        "messages | map(attribute='content') | map('length') | sum > 9000",
    ],
)
def test_a_question_that_the_answers_own_output_prints_is_not_trained(condition: str) -> None:
    """The output is the one that prints every answer, so that its place alone says nothing of whose text it is."""
    quoted = f"(messages[0].content ~ ' ' if {condition} else '') ~ m.content ~ {END}"
    source = chat(f"{{{{ {HEADER} }}}}{{% generation %}}{{{{ {quoted} }}}}{{% endgeneration %}}")
    assert verify(source).outcome == "fails"
    plain = source.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    outcome = templatefix.fix(Template.from_source(plain))
    assert outcome.status == "refused" and "another role" in outcome.reason


def test_a_rest_cut_off_behind_the_mask_is_undecided() -> None:
    answer = RIGHT.replace("m.content ~", "m.content[:900000] ~").replace(
        "{% endgeneration %}", "{% endgeneration %}{{ m.content[900000:] }}"
    )
    assert verify(chat(answer)).outcome == "undecided"


@pytest.mark.parametrize(
    "source",
    [
        chat(RIGHT, test="mine", before="{% set mine = m.role == 'assistant' %}"),
        chat(RIGHT, f"{OTHER[:-2]} ~ ('' if m.role == 'user' else '\n') }}}}"),
        chat(f"{{{{ '<§bot' ~ (' named ' ~ m.name if m.name else '') ~ '>' }}}}{SPAN}"),
        chat(RIGHT, f"{{% if m.role == 'model' %}}{RIGHT}{{% else %}}{OTHER}{{% endif %}}"),
        chat(
            RIGHT.replace("m.content ~", "'%s' % m.content ~"), "{{ '<§%s>%s<§stop>' % (m.role, m.content) }}"
        ),
    ],
    ids=[
        "role in a variable",
        "role in an inline if",
        "name in the header",
        "another name",
        "percent format",
    ],
)
def test_right_masks_hold(source: str) -> None:
    assert verify(source).outcome == "holds"


def guarded(text: str) -> str:
    marked = f"{{% generation %}}{text}{{% endgeneration %}}"
    return f"{{% if m.role == 'assistant' %}}{marked}{{% else %}}{text}{{% endif %}}"


def test_a_part_that_users_send_too_is_not_the_assistants() -> None:
    said, part, sound, end = "{{ m.content }}", "{{ part.text }}", "{{ '<§sound>' }}", f"{{{{ {END} }}}}"
    parts = f"{{% if part.type == 'text' %}}{part}{{% elif part.type == 'audio' %}}{sound}{{% endif %}}"
    content = f"{{% if m.content is string %}}{said}{{% else %}}"
    content += f"{{% for part in m.content %}}{parts}{{% endfor %}}{{% endif %}}"
    source = f"{{% for m in messages %}}{{{{ '<§' ~ m.role ~ '>' }}}}{content}{end}{{% endfor %}}"
    source += "{% if add_generation_prompt %}{{ '<§assistant>' }}{% endif %}"
    outcome = templatefix.fix(Template.from_source(source))
    assert outcome.status == "patched", outcome.reason
    assert outcome.after.count(sound) == 2
    for text in (said, part, end):
        source = source.replace(text, guarded(text))
    assert verify(source.replace(sound, guarded(sound))).outcome == "holds"
    assert verify(source.replace(sound, f"{{% generation %}}{sound}{{% endgeneration %}}")).outcome == "fails"
