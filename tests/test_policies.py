"""Which turns are trained, and where their spans begin, is a choice of the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import templatefix
from templatefix.model import Policy, Template
from tests.conftest import corpus, fixture
from tests.policies import LAST, POLICIES, WEIGHTED, chat, fixed, stretches, wrong
from tests.test_cli import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


TEMPLATES = {
    "qwen3": corpus()["trl/qwen3"],
    "llama3": corpus()["trl/llama3"],
    "parity": fixture("parity"),
    "content_macro": fixture("content_macro"),
    "ends_once": fixture("ends_once"),
}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_patch_marks_what_its_policy_asks_for(name: str, policy: Policy) -> None:
    every, outcome = fixed(TEMPLATES[name], Policy()), fixed(TEMPLATES[name], policy)
    assert (every.status, outcome.status) == ("patched", "patched"), outcome.reason
    assert outcome.verdict.outcome == "holds"
    assert [*wrong(every.after, outcome.after, policy)] == []
    again = templatefix.fix(Template.from_source(outcome.after), policy=policy)
    assert again.status == "correct"


ROLES = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}"
    "{% if m.role == 'assistant' TEST %}MARKED{% else %}PLAIN{% endif %}"
)
SAID = "{{ m.content + '<|end|>' }}"
MARKED = f"{{% generation %}}{SAID}{{% endgeneration %}}"
TAIL = "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
TAGGED = (ROLES + TAIL).replace("MARKED", MARKED).replace("PLAIN", SAID)


@pytest.mark.parametrize(
    ("test", "policy", "outcome"),
    [
        ("", Policy(), "holds"),
        ("", LAST, "fails"),
        ("", WEIGHTED, "fails"),
        ("and loop.last", LAST, "holds"),
        ("and loop.last", Policy(), "fails"),
        ("and loop.first", LAST, "fails"),
        ("and m.weight != 0 and m.train != false", WEIGHTED, "holds"),
        ("and m.weight != 0", WEIGHTED, "fails"),  # `train` is not heeded
        ("and m.train", WEIGHTED, "fails"),  # what says nothing is trained
        ("and m.weight != 0 and m.train != false", LAST, "fails"),
    ],
)
def test_a_verdict_is_by_the_policy(test: str, policy: Policy, outcome: str) -> None:
    template = Template.from_source(TAGGED.replace("TEST", test))
    assert templatefix.verify(template, policy=policy).outcome == outcome
    report = templatefix.audit(template, policy=policy)
    assert report.ok is (outcome == "holds"), report.findings


def test_a_turn_that_is_left_out_is_named() -> None:
    verdict = templatefix.verify(Template.from_source(TAGGED.replace("TEST", "")), policy=LAST)
    assert verdict.blame is not None
    assert "message 1 is marked, and it is not to be trained" in verdict.blame.detail


def test_the_commands_take_the_policy(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "chat_template.jinja"
    file.write_text(TAGGED.replace("TEST", "").replace(MARKED, SAID))
    chosen = ["--turns", "last", "--header", "included"]
    assert run("fix", file, "--in-place", *chosen)[0] == 0
    (start, end, text) = (stretches(file.read_text(), chat(2)) or {})[1]
    assert text == "<|assistant|>Answer1x is 1.<|end|>" and end - start == len(text)
    for command in ("audit", "verify"):
        assert run(command, file, *chosen)[0] == 0
        assert run(command, file)[0] == 1
    assert "only the last message" in run("verify", file, *chosen)[1]


def test_training_takes_the_policy(real_tokenizer: Callable[[str], Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(real_tokenizer("qwen-2.5"))
    before = tokenizer.chat_template
    with templatefix.training_template(tokenizer, policy=LAST):
        given = tokenizer.apply_chat_template(chat(2), return_dict=True, return_assistant_tokens_mask=True)
        pairs = zip(given["input_ids"], given["assistant_masks"], strict=True)
        assert tokenizer.decode([token for token, trained in pairs if trained]) == "Answer1x is 1.<|im_end|>"
        patched = tokenizer.chat_template
        templatefix.ensure(tokenizer, policy=LAST)
        assert tokenizer.chat_template == patched  # right already
    assert tokenizer.chat_template == before


def test_a_policy_that_no_probe_shows_is_undecided() -> None:
    deaf = (
        "{% for m in messages if 'weight' in m or 'train' in m %}{{ raise_exception('no keys') }}{% endfor %}"
    )
    template = Template.from_source(deaf + TAGGED.replace("TEST", "and m.weight != 0 and m.train != false"))
    assert templatefix.verify(template, policy=WEIGHTED).outcome == "undecided"
