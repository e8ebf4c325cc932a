"""One call in a training script: proven markers in memory, for good or for the time of training."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

import templatefix
from templatefix.errors import RefusedError, SourceError
from tests.training.conftest import Train, ensured, ensured_template, load, rows


def trained(tokenizer: Any) -> list[str]:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there."}]
    out = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    pairs = zip(out["input_ids"], out["assistant_masks"], strict=True)
    return [tokenizer.decode([token]) for token, bit in pairs if bit]


def state(tokenizer: Any) -> dict[str, Any]:
    kept = {key: str(value) for key, value in vars(tokenizer).items() if key != "chat_template"}
    return {**kept, "backend": tokenizer.backend_tokenizer.to_str()}


MODELS = ("qwen-2.5", "qwen-3", "deepseek-v3", "deepseek-v3.1", "deepseek-r1-distill-llama-8b")


@pytest.mark.parametrize("model", MODELS)
def test_ensure_patches_in_place_and_changes_nothing_else(model: str) -> None:
    tokenizer = load(model)
    before, text = (
        state(tokenizer),
        tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False),
    )
    assert templatefix.ensure(tokenizer) is tokenizer
    answer = "".join(trained(tokenizer)).removeprefix("<think>\n\n</think>\n\n")  # Qwen3's last answer has it
    assert answer.startswith("Hello there.<") and len(trained(tokenizer)) > 3
    assert state(tokenizer) == before
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False) == text


def test_ensure_twice_is_once() -> None:
    tokenizer = ensured()
    templatefix.ensure(tokenizer)
    assert tokenizer.chat_template == ensured_template("qwen-2.5")


def test_wrong_markers_are_mended() -> None:
    tokenizer = load()
    tokenizer.chat_template = (
        "{% for m in messages %}{% generation %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
        "{% endgeneration %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    assert "".join(trained(templatefix.ensure(tokenizer))) == "Hello there.<|im_end|>"


def test_every_named_variant_or_none() -> None:
    tokenizer = load()
    plain = tokenizer.chat_template
    tokenizer.chat_template = {"default": plain, "tool_use": plain}
    templatefix.ensure(tokenizer)
    assert set(tokenizer.chat_template) == {"default", "tool_use"}
    assert all("endgeneration" in text for text in tokenizer.chat_template.values())
    refused = {"default": plain, "rag": "{{ messages[0].content }}"}
    tokenizer.chat_template = dict(refused)
    with pytest.raises(RefusedError, match="rag"):
        templatefix.ensure(tokenizer)
    assert tokenizer.chat_template == refused


def test_a_refusal_says_why_and_changes_nothing() -> None:
    tokenizer = load()
    tokenizer.chat_template = "{{ messages[0].content }}"
    with pytest.raises(RefusedError, match="no proven markers") as error:
        templatefix.ensure(tokenizer)
    assert "templatefix fix --why" in error.value.cure
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(RefusedError, match="this tokenizer's tokens: TOKEN_ALIGNED fails"):
        templatefix.ensure(tokenizer)
    assert "generation" not in tokenizer.chat_template
    tokenizer.chat_template = None
    with pytest.raises(SourceError, match="no chat template"):
        templatefix.ensure(tokenizer)


# For the time of training


def test_the_inference_template_comes_back() -> None:
    tokenizer = load()
    before, kept = tokenizer.chat_template, state(tokenizer)
    with templatefix.training_template(tokenizer) as inside:
        assert inside is tokenizer and "".join(trained(tokenizer)) == "Hello there.<|im_end|>"
    assert tokenizer.chat_template == before and state(tokenizer) == kept
    with pytest.raises(ZeroDivisionError), templatefix.training_template(tokenizer):
        raise ZeroDivisionError
    assert tokenizer.chat_template == before and state(tokenizer) == kept


def test_a_refused_template_enters_no_block() -> None:
    tokenizer = load()
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    before = state(tokenizer)
    with pytest.raises(RefusedError), templatefix.training_template(tokenizer):
        raise AssertionError("the block must not run")
    assert state(tokenizer) == before


def test_what_is_saved_while_training_is_the_inference_template(sft: Train, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = load()
    before = tokenizer.chat_template
    with templatefix.training_template(tokenizer):
        trainer = sft(tokenizer, rows(), assistant_only_loss=True, save_strategy="steps", save_steps=1)
        assert templatefix.training.preflight(trainer, quiet=True).ok
        trainer.train()
        trainer.save_model(str(tmp_path / "final"))
        assert "endgeneration" in tokenizer.chat_template
    saved = [tmp_path / "final", *(tmp_path / "out").glob("checkpoint-*")]
    assert len(saved) == 2
    assert [AutoTokenizer.from_pretrained(folder).chat_template for folder in saved] == [before] * 2


def test_a_tokenizer_that_trains_can_be_copied(sft: Train) -> None:
    tokenizer = load()
    with templatefix.training_template(tokenizer):
        assert pickle.loads(pickle.dumps(tokenizer)).chat_template == tokenizer.chat_template
        assert copy.deepcopy(tokenizer).chat_template == tokenizer.chat_template
        trainer = sft(tokenizer, rows(4), assistant_only_loss=True, dataset_num_proc=2)
        assert templatefix.training.preflight(trainer, quiet=True).ok
