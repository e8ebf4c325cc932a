"""Sound runs, in which the preflight stays silent, and what it says of them; the callback; plain trainers and loops."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from templatefix.errors import UsageError
from templatefix.training import Preflight, PreflightCallback, PreflightError, ensure, preflight, supervised
from tests.training.conftest import Train, completions, ensured, load, model_for, rows

Rows = Callable[[], list[dict[str, Any]]]

CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add.",
        "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    },
}


def with_tools() -> list[dict[str, Any]]:
    messages = [
        {"role": "user", "content": "Add 1 and 2."},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "It is 3."},
    ]
    return [{"messages": messages, "tools": [TOOL]} for _ in range(4)]


SOUND: dict[str, tuple[Rows, dict[str, Any]]] = {
    "messages": (rows, {"assistant_only_loss": True}),
    "tools": (with_tools, {"assistant_only_loss": True}),
    "prompt and completion": (completions, {"assistant_only_loss": True, "completion_only_loss": True}),
    "packing": (lambda: rows(20), {"assistant_only_loss": True, "packing": True, "max_length": 256}),
    "padding-free": (rows, {"assistant_only_loss": True, "padding_free": True, "max_length": None}),
    "text to go on with": (lambda: [{"text": f"Once upon a time {at}"} for at in range(6)], {}),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("model", ["qwen-2.5", "qwen-3"])
def test_sound_runs_are_silent(sft: Train, name: str, model: str) -> None:
    make, settings = SOUND[name]
    result = preflight(sft(ensured(model), make(), **settings), quiet=True)
    assert result.findings == (), str(result)
    assert result.ok


LLAMA = "deepseek-r1-distill-llama-8b"
"""A tokenizer of Llama 3."""
LLAMA_TURNS = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' "
    "+ m.content | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


@pytest.mark.parametrize("model", ["qwq-32b", "deepseek-v3", "deepseek-v3.1", LLAMA])
def test_templates_that_trl_refuses_train_once_ensured(sft: Train, model: str) -> None:
    tokenizer = load(model)
    if model == LLAMA:
        tokenizer.chat_template, tokenizer.eos_token = LLAMA_TURNS, "<|eot_id|>"
    with pytest.raises(ValueError, match="not training-compatible"):
        sft(tokenizer, rows(), assistant_only_loss=True)
    trainer = sft(ensure(tokenizer), rows(), assistant_only_loss=True)
    assert preflight(trainer, quiet=True).ok
    trained = supervised(trainer, row=0)
    assert [text.removesuffix(tokenizer.eos_token) for text in trained] == [
        "It is 1.",
        "That makes 2, of course.",
    ]
    assert 0 < trainer.train().training_loss < 100


def test_trls_own_template_renders_another_text(sft: Train) -> None:
    """It also trains the newline behind each end of turn, which does no harm and is allowed."""
    trainer = sft(load("qwen-3"), rows(), assistant_only_loss=True)
    assert trainer.chat_template is not None
    result = preflight(trainer, quiet=True)
    assert [each.fault.name for each in result.findings] == ["other-template-saved"]
    assert not result.errors


def test_streams(sft: Train) -> None:
    from datasets import Dataset

    stream = Dataset.from_list(rows()).to_iterable_dataset()
    result = preflight(sft(ensured(), stream, assistant_only_loss=True), quiet=True)
    assert result.ok and "the first 8 rows" in result.checklist[-1]


def test_the_checklist_says_what_was_measured(sft: Train, capsys: pytest.CaptureFixture[str]) -> None:
    result = preflight(sft(ensured(), rows(), assistant_only_loss=True))
    said = capsys.readouterr().err
    assert said.startswith("preflight: nothing wrong was found")
    assert [line[:2] for line in result.checklist] == ["1.", "2.", "3.", "4.", "5.", "6."]
    answers, markers, collator, settings, row, counted = result.checklist
    assert "every assistant turn; 16 of 16 answers" in answers
    assert "own hold" in markers
    assert "labels of 8 of 8 rows" in collator
    assert "assistant_only_loss=True" in settings
    assert "'It is 1.<|im_end|>' … 'That makes 2, of course.<|im_end|>'" in row
    assert "8 of 8 rows have a target, 0 were dropped" in counted and str(result) in said


def test_the_checklist_counts_answers_of_rows_cut_at_their_beginning(sft: Train) -> None:
    settings = {"max_length": 20, "truncation_mode": "keep_end"}
    result = preflight(sft(ensured(), rows(), assistant_only_loss=True, **settings), quiet=True)
    assert result.findings == () and "8 of 16 answers in 8 conversations" in result.checklist[0]


def test_nothing_changes(sft: Train) -> None:
    import torch

    tokenizer = ensured()
    trainer = sft(tokenizer, rows(), assistant_only_loss=True)
    before = (tokenizer.chat_template, tokenizer.padding_side, trainer.train_dataset._fingerprint)
    state, own = torch.get_rng_state(), random.getstate()
    preflight(trainer, quiet=True)
    assert (tokenizer.chat_template, tokenizer.padding_side, trainer.train_dataset._fingerprint) == before
    assert torch.equal(torch.get_rng_state(), state) and random.getstate() == own


def test_what_is_meant_is_allowed(sft: Train) -> None:
    trainer = sft(load(), rows())
    assert preflight(trainer, quiet=True, allow=["TRN001"]).ok
    with pytest.raises(UsageError, match="no fault 'TRN999'"):
        preflight(trainer, quiet=True, allow=["TRN999"])


def test_one_odd_row_of_many_is_found(sft: Train) -> None:
    many = rows(300)
    trainer = sft(ensured(), many, assistant_only_loss=True)
    whole = trainer.train_dataset[177]["input_ids"]
    trainer.train_dataset = trainer.train_dataset.map(
        lambda row, at: {"labels": whole if at == 177 else row["labels"]}, with_indices=True
    )
    result = preflight(trainer, quiet=True, rows=8)
    assert [(each.fault.name, each.row) for each in result.findings] == [("prompt-trained", 177)]


# The callback


def test_the_callback_stops_a_wrong_run_before_its_first_step(sft: Train) -> None:
    trainer = sft(load(), rows())
    trainer.add_callback(PreflightCallback(trainer))
    with pytest.raises(PreflightError, match="TRN001 prompt-trained"):
        trainer.train()
    assert trainer.state.global_step == 0


def test_the_callback_sees_tokens_alone_without_a_trainer(sft: Train) -> None:
    trainer = sft(load(), rows())
    trainer.add_callback(PreflightCallback())
    with pytest.raises(PreflightError, match="prompt-trained"):
        trainer.train()
    sound = sft(ensured(), rows(), assistant_only_loss=True)
    callback = PreflightCallback()
    sound.add_callback(callback)
    sound.train()
    assert callback.result is not None and callback.result.ok and sound.state.global_step == 1


def test_the_callback_warns_if_told_to(sft: Train, caplog: pytest.LogCaptureFixture) -> None:
    trainer = sft(load(), rows())
    trainer.add_callback(PreflightCallback(trainer, warn=True))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert "TRN001 prompt-trained" in caplog.text and trainer.state.global_step == 1


# Other frameworks


def labelled_rows(tokenizer: Any, *, whole: bool = False) -> list[dict[str, Any]]:
    found = []
    for row in rows():
        out = tokenizer.apply_chat_template(
            row["messages"], return_dict=True, return_assistant_tokens_mask=True
        )
        pairs = zip(out["input_ids"], out["assistant_masks"], strict=True)
        labels = [token if bit or whole else -100 for token, bit in pairs]
        found.append(
            {"input_ids": out["input_ids"], "attention_mask": out["attention_mask"], "labels": labels}
        )
    return found


def plain_trainer(tokenizer: Any, own: list[dict[str, Any]], collator: Any, out: str) -> Any:
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(out, use_cpu=True, report_to="none", max_steps=1, save_strategy="no")
    return Trainer(
        model_for(tokenizer), arguments, collator, Dataset.from_list(own), processing_class=tokenizer
    )


def test_a_plain_trainer(tmp_path: Any) -> None:
    from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq

    tokenizer = ensured()
    sound = plain_trainer(
        tokenizer, labelled_rows(tokenizer), DataCollatorForSeq2Seq(tokenizer), str(tmp_path)
    )
    assert preflight(sound, quiet=True).findings == ()
    same = labelled_rows(tokenizer)[1:2] * 4
    wrong = plain_trainer(
        tokenizer, same, DataCollatorForLanguageModeling(tokenizer, mlm=False), str(tmp_path)
    )
    result = preflight(wrong, quiet=True)
    assert [each.fault.name for each in result.errors] == ["prompt-trained", "labels-overwritten"]
    assert all("DataCollatorForSeq2Seq" in each.cure for each in result.errors)


def test_a_bare_loop() -> None:
    from torch.utils.data import DataLoader
    from transformers import DataCollatorForSeq2Seq

    tokenizer = ensured()

    def look(whole: bool) -> Preflight:
        own = labelled_rows(tokenizer, whole=whole)
        loader: Any = DataLoader(own, batch_size=2, collate_fn=DataCollatorForSeq2Seq(tokenizer))  # type: ignore[arg-type]
        return preflight(loader, tokenizer=tokenizer, quiet=True)

    assert look(whole=False).findings == ()
    assert [each.fault.name for each in look(whole=True).findings] == ["prompt-trained"]


# Bad input


def test_no_trainer() -> None:
    with pytest.raises(UsageError, match="neither a trainer nor a data loader"):
        preflight([1, 2, 3])


def test_a_tokenizer_without_a_template(sft: Train) -> None:
    tokenizer = load()
    tokenizer.chat_template = None
    result = preflight(sft(tokenizer, [{"text": "Once upon a time."}] * 4), quiet=True)
    [finding] = result.findings
    assert finding.fault.name == "labels-not-compared" and "no chat template" in finding.message


def test_batches_without_labels() -> None:
    from torch.utils.data import DataLoader

    tokenizer = ensured()
    own = [{"input_ids": [1, 2, 3], "attention_mask": [1, 1, 1]}] * 2
    loader: Any = DataLoader(own, collate_fn=tokenizer.pad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no `labels`"):
        preflight(loader, tokenizer=tokenizer, quiet=True)


def test_no_rows() -> None:
    from torch.utils.data import DataLoader

    empty: Any = DataLoader([], collate_fn=list)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no rows"):
        preflight(empty, tokenizer=ensured(), quiet=True)
