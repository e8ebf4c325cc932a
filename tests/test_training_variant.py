"""Patches that change the text as they declare: asked for, seen, and judged by what they print themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import templatefix
from templatefix import registry
from templatefix.errors import UsageError
from templatefix.judge import judge_declared
from templatefix.model import Change, Claim, Safety, Template, Verdict
from templatefix.render import Renderer
from tests.conftest import corpus, fixture
from tests.test_registry import ended

QWEN3 = corpus()["trl/qwen3"]
PATCH = registry.find("qwen3-training")
CHAT = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "reasoning_content": "Count.", "content": "Two."},
    {"role": "user", "content": "2 + 2?"},
    {"role": "assistant", "reasoning_content": "Count on.", "content": "Four."},
]


def verdict(after: str = "", changes: tuple[Change, ...] = PATCH.changes) -> Verdict:
    return judge_declared(after or PATCH.candidate(QWEN3).after, original=QWEN3, changes=changes)


def failing(judged: Verdict, claim: Claim) -> list[str]:
    return [check.probe for check in judged.checks if check.claim is claim and check.outcome == "fails"]


def test_the_history_keeps_its_reasoning_and_all_of_it_is_trained() -> None:
    outcome = templatefix.fix(Template.from_source(QWEN3), variant="training")
    assert (outcome.status, outcome.family, outcome.safety) == ("patched", PATCH.family, Safety.UNSAFE)
    rendered = Renderer(outcome.after, {}).render(CHAT)
    trained = [span.of(rendered.text) for span in rendered.spans]
    assert trained == [
        "<think>\nCount.\n</think>\n\nTwo.<|im_end|>",
        "<think>\nCount on.\n</think>\n\nFour.<|im_end|>",
    ]


def test_nobody_gets_it_who_did_not_ask() -> None:
    outcome = templatefix.fix(Template.from_source(QWEN3))
    assert (outcome.family, outcome.safety) == ("qwen3", Safety.SAFE)
    assert "Count.\n" not in Renderer(outcome.after, {}).render(CHAT).text


def test_the_text_may_differ_where_that_is_declared_and_nowhere_else() -> None:
    assert verdict().outcome == "holds"
    undeclared = verdict(changes=PATCH.changes[:1])
    assert failing(undeclared, Claim.SAME_TEXT)
    assert all("thinking " in probe for probe in failing(undeclared, Claim.SAME_TEXT))
    same = {check.probe for check in verdict().checks if check.claim is Claim.SAME_TEXT}
    assert {"two turns", "tool call", "ends with the user"} <= same
    assert "reasoning field, two turns" not in same
    notes = [note.text for note in verdict().notes if note.name == "declared-change"]
    assert len(notes) == len(PATCH.changes)
    assert all(change.why in note for change, note in zip(PATCH.changes, notes, strict=True))


def test_a_declared_change_that_nothing_shows_fails() -> None:
    idle = Change("one turn", "nothing")
    assert failing(verdict(changes=(*PATCH.changes, idle)), Claim.SAME_TEXT) == ["one turn"]


def test_a_prompt_that_differs_is_a_change() -> None:
    after = PATCH.candidate(QWEN3).after
    at = after.rindex("<|im_start|>assistant")
    other = f"{after[:at]}<|im_start|>robot{after[at + len('<|im_start|>assistant') :]}"
    assert "one turn" in failing(verdict(other), Claim.SAME_TEXT)


def test_spans_are_judged_by_the_text_it_prints() -> None:
    after = PATCH.candidate(QWEN3).after
    late = after.replace("        {%- generation %}\n", "", 1).replace(
        "        {%- if message.tool_calls %}",
        "        {%- generation %}\n        {%- if message.tool_calls %}",
        1,
    )
    assert "reasoning field, two turns" in failing(verdict(late), Claim.EXACT_SPAN)


def test_a_template_without_such_a_patch_is_refused() -> None:
    outcome = templatefix.fix(Template.from_source(fixture("branches")), variant="training")
    assert outcome.status == "refused"
    assert "no training variant is known" in outcome.reason


def test_the_command_line_says_that_the_text_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chat_template.jinja"
    file.write_text(QWEN3)
    assert ended(["fix", "--variant", "training", str(file)]) == 0
    printed = capsys.readouterr().err
    assert "patched (registry patch qwen3-training; TEXT CHANGED as declared" in printed
    assert "as declared: earlier answers keep their reasoning" in printed
    assert ended(["fix", "--format", "json", str(file)]) == 0
    assert '"safety": "safe"' in capsys.readouterr().out


def test_a_variant_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="no variant 'nope'"):
        templatefix.fix(Template.from_source("{{ messages }}"), variant="nope")  # type: ignore[arg-type]
