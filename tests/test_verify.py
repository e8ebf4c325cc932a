"""`verify` with a policy, a conversation and a tokenizer, from Python and from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import templatefix
from templatefix.cli import main
from templatefix.model import Claim, Policy, Template
from tests.test_judge import CLOSE, HEADER, NEWLINE, OPEN, RIGHT, STOP

HEADER_TRAINED = RIGHT.replace(HEADER + OPEN, OPEN + HEADER)
NEWLINE_TRAINED = RIGHT.replace(CLOSE + NEWLINE, NEWLINE + CLOSE)
THINKING = RIGHT.replace(
    "{{- '<|assistant|>' }}\n{%- endif %}\n",
    "{{- '<|assistant|>' }}{% if enable_thinking %}{{ '<think>' }}{% endif %}\n{%- endif %}\n",
).replace("        {{- message.content }}\n", "        {{- '<think>' + message.content }}\n")
THINKING_OUTSIDE = THINKING.replace(
    OPEN + "        {{- '<think>' + message.content }}\n",
    "        {{- '<think>' }}\n" + OPEN + "        {{- message.content }}\n",
)
CHAT = [
    {"role": "user", "content": "What is 1 + 1?"},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "Four."},
]


def outcome(source: str, **policy: str) -> str:
    return templatefix.verify(Template.from_source(source), policy=Policy(**policy)).outcome  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "policy", "expected"),
    [
        (HEADER_TRAINED, {}, "fails"),
        (HEADER_TRAINED, {"header": "included"}, "holds"),
        (RIGHT, {"header": "included"}, "fails"),
        (HEADER_TRAINED.replace(NEWLINE, ""), {"header": "included"}, "holds"),
        (NEWLINE_TRAINED, {}, "holds"),
        (NEWLINE_TRAINED, {"whitespace": "excluded"}, "fails"),
        (NEWLINE_TRAINED, {"whitespace": "allowed"}, "holds"),
        (RIGHT, {"whitespace": "allowed"}, "holds"),
        (THINKING, {}, "holds"),
        (THINKING, {"prefill": "inside"}, "holds"),
        (THINKING, {"prefill": "outside"}, "fails"),
        (THINKING_OUTSIDE, {}, "holds"),
        (THINKING_OUTSIDE, {"prefill": "outside"}, "holds"),
        (THINKING_OUTSIDE, {"prefill": "inside"}, "fails"),
    ],
)
def test_a_policy_decides_where_both_is_defensible(
    source: str, policy: dict[str, str], expected: str
) -> None:
    assert outcome(source, **policy) == expected


def test_the_marker_to_blame_is_named_by_its_line() -> None:
    blame = templatefix.verify(Template.from_source(HEADER_TRAINED)).blame
    assert blame is not None
    assert (blame.fault, blame.line) == (
        "header-trained",
        HEADER_TRAINED[: HEADER_TRAINED.index("generation")].count("\n") + 1,
    )


def test_a_conversation_is_judged_besides() -> None:
    odd = RIGHT.replace(
        STOP,
        "        {%- if 'Four' not in (message.content or '') | string %}" + STOP.strip() + "{%- endif %}\n",
    )
    fine = templatefix.verify(Template.from_source(RIGHT), conversation=CHAT)
    assert any(check.probe == "your conversation" for check in fine.checks)
    assert fine.outcome == "holds"
    verdict = templatefix.verify(
        Template.from_source(odd), original=Template.from_source(RIGHT), conversation=CHAT
    )
    assert {check.probe for check in verdict.checks if check.outcome == "fails"} == {"your conversation"}


CHATML = (
    RIGHT.replace("<|assistant|>", "<|im_start|>assistant\\n")
    .replace("<|end|>", "<|im_end|>")
    .replace("'<|' + message.role + '|>'", "'<|im_start|>' + message.role + '\\n'")
)


def test_tokens_are_judged_with_a_tokenizer(
    real_tokenizer: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jinja").write_text(CHATML)
    (tmp_path / "chat.json").write_text(json.dumps(CHAT))
    files = [str(tmp_path / "t.jinja"), "--conversation", str(tmp_path / "chat.json")]
    with pytest.raises(SystemExit) as ended:
        main(["verify", *files, "--tokenizer", str(real_tokenizer("qwen-3"))])
    shown = capsys.readouterr().out
    assert ended.value.code == 0, shown
    assert str(Claim.TOKENS_TRUE) in shown and str(Claim.TOKEN_ALIGNED) in shown
    assert "⟦Two.<|im_end|>⟧" in shown and "⟦Four.<|im_end|>⟧" in shown


def test_a_tokenizer_of_another_model_never_holds(real_tokenizer: Callable[[str], Path]) -> None:
    from templatefix.sources import load_tokenizer

    tokenizer = load_tokenizer(str(real_tokenizer("deepseek-v3")))
    verdict = templatefix.verify(Template.from_source(CHATML), tokenizer=tokenizer)
    assert verdict.outcome != "holds"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("{}", "no list of messages"),
        ("[]", "no list of messages"),
        ('["hello"]', "message 0: it is no object"),
        ('[{"content": "x"}]', "message 0: it has no role"),
        (
            '[{"role": "user", "content": "x"}, {"role": "narrator", "content": "y"}]',
            "message 1: its role is 'narrator'",
        ),
        ('[{"role": "user", "content": 3}]', "its content is a int"),
        ('{"messages": [{"role": "user", "content": "x"}], "tools": 1}', "`tools` is no list"),
    ],
)
def test_a_bad_conversation_is_one_clear_message(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jinja").write_text(RIGHT)
    (tmp_path / "chat.json").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(tmp_path / "t.jinja"), "--conversation", str(tmp_path / "chat.json")])
    error = capsys.readouterr().err
    assert ended.value.code == 3
    assert words in error and "cure:" in error and "Traceback" not in error


def test_a_template_that_always_raises_says_what_it_misses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.jinja").write_text(
        "{% generation %}{{ company.name + messages[0].content }}{% endgeneration %}"
    )
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(tmp_path / "t.jinja")])
    assert ended.value.code == 4
    assert "'company' is undefined" in capsys.readouterr().out
