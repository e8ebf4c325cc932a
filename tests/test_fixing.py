"""Real templates and real tokenizers, end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import templatefix
from templatefix.fixing import fix
from templatefix.model import Template
from templatefix.syntax import is_marked, parse
from tests.conftest import corpus


def marked(source: str) -> bool:
    return is_marked(parse(source).tree)


TRL = {name: source for name, source in corpus().items() if name.startswith("trl/")}
ORIGINALS = sorted(name for name, source in TRL.items() if not marked(source))


def test_there_are_38_unmarked_originals() -> None:
    assert len(ORIGINALS) == 38


@pytest.mark.parametrize("name", ORIGINALS)
def test_trl_original(name: str) -> None:
    outcome = fix(Template.from_source(TRL[name]))
    assert outcome.status == "patched", outcome.reason
    assert outcome.verdict.outcome == "holds"
    assert fix(Template.from_source(outcome.after)).status == "correct"
    assert templatefix.strip(Template.from_source(outcome.after))


MASKED = {
    "qwen-2.5": "Two.<|im_end|>Four.<|im_end|>",
    "qwen-3": "Two.<|im_end|><think>\n\n</think>\n\nFour.<|im_end|>",
    "qwen-3.5": "Two.<|im_end|><think>\n\n</think>\n\nFour.<|im_end|>",
    "deepseek-v3": "Two.<｜end▁of▁sentence｜>Four.<｜end▁of▁sentence｜>",
    "minimax-m3": "</mm:think>Two.[e~[</mm:think>Four.[e~[",
}


@pytest.mark.parametrize("model", MASKED)
def test_a_real_tokenizer_trains_on_the_answers_alone(
    model: str, real_tokenizer: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import PreTrainedTokenizerFast

    from templatefix import sources

    folder = real_tokenizer(model)
    outcomes = templatefix.fix_all(folder)
    assert [outcome.status for outcome in outcomes] == ["patched"], outcomes[0].reason
    sources.write_back([(outcome.template, outcome.after) for outcome in outcomes])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    chat = [
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "And 2 + 2?"},
        {"role": "assistant", "content": "Four."},
    ]
    encoded = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    trained = [
        token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask
    ]
    assert tokenizer.decode(trained) == MASKED[model]
