"""Each way in which training goes wrong without an error: the preflight names it, its row and its cure."""

from __future__ import annotations

from typing import Any

import pytest

from templatefix.training import Preflight, preflight
from tests.training.conftest import Train, completions, ensured, load, long_question, rows

LOOP = "{% for m in messages %}"
PROMPT = "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
OPEN, TURN = (
    "{{ '<|im_start|>' + m.role + '\n' }}",
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}",
)


def looked(trainer: Any) -> Preflight:
    return preflight(trainer, quiet=True)


def found(result: Preflight) -> dict[str, str]:
    return {each.fault.name: each.message for each in result.findings}


def test_s1_default_settings_train_the_whole_conversation(sft: Train) -> None:
    [finding] = looked(sft(load(), rows())).findings
    assert finding.fault.code == "TRN001" and finding.row == 0 and finding.rows == 8
    assert "`assistant_only_loss` is not set" in finding.message
    assert finding.text.startswith("<|im_start|>system\nBe brief.")
    assert "assistant_only_loss=True" in finding.cure and "templatefix.ensure" in finding.cure


def test_s2_completion_only_loss_masks_nothing_of_messages(sft: Train) -> None:
    said = found(looked(sft(load(), rows(), completion_only_loss=True)))
    assert set(said) == {"prompt-trained", "setting-without-effect"}
    assert "no completion" in said["prompt-trained"]


def test_s3_a_collator_overwrites_the_labels(sft: Train) -> None:
    from transformers import DataCollatorForLanguageModeling

    tokenizer = ensured()
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    result = looked(sft(tokenizer, rows(same=True), collator=collator, assistant_only_loss=True))
    assert set(found(result)) == {"prompt-trained", "labels-overwritten"}
    assert all("data_collator=None" in each.cure for each in result.findings)


def test_s4_the_end_of_turn_is_masked_as_padding(sft: Train) -> None:
    from transformers import DataCollatorForLanguageModeling

    tokenizer = ensured()
    tokenizer.pad_token = tokenizer.eos_token
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    said = found(looked(sft(tokenizer, rows(same=True), collator=collator, assistant_only_loss=True)))
    assert "masks '<|im_end|>' as padding" in said["labels-overwritten"]
    assert "end-of-turn-untrained" in said


def tokenized(tokenizer: Any) -> list[dict[str, Any]]:
    return [
        {**row, "input_ids": tokenizer.apply_chat_template(row["messages"], return_dict=True)["input_ids"]}
        for row in rows()
    ]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "came with `input_ids`"),
        ({"dataset_kwargs": {"skip_prepare_dataset": True}}, "`skip_prepare_dataset=True`"),
    ],
)
def test_s5_s6_rows_that_came_tokenized_get_no_mask(sft: Train, settings: dict[str, Any], why: str) -> None:
    tokenizer = ensured()
    said = found(looked(sft(tokenizer, tokenized(tokenizer), assistant_only_loss=True, **settings)))
    assert set(said) == {"prompt-trained"} and why in said["prompt-trained"]


def test_s7_a_formatting_func_on_messages_is_never_used(sft: Train) -> None:
    trainer = sft(ensured(), rows(), assistant_only_loss=True, formatting_func=lambda row: "unused")
    assert "never used" in found(looked(trainer))["setting-without-effect"]


def test_s8_a_formatting_func_trains_the_prompt(sft: Train) -> None:
    pairs = [{"instruction": f"Add {at} and 1", "output": str(at + 1)} for at in range(8)]
    trainer = sft(
        load(), pairs, formatting_func=lambda row: f"### Q: {row['instruction']}\n### A: {row['output']}"
    )
    assert "`formatting_func`" in found(looked(trainer))["prompt-trained"]


def test_s8_rendered_text_trains_the_prompt_and_a_second_stop(sft: Train) -> None:
    tokenizer = load()
    texts = [{"text": tokenizer.apply_chat_template(row["messages"], tokenize=False)} for row in rows()]
    result = looked(sft(tokenizer, texts))
    assert set(found(result)) == {"prompt-trained", "two-ends-of-turn"}
    assert "<|im_end|>\n<|im_end|>" in next(
        each.text for each in result.findings if each.fault.code == "TRN013"
    )


def test_s9_max_length_cuts_the_last_answer(sft: Train) -> None:
    [finding] = looked(sft(ensured(), rows(), assistant_only_loss=True, max_length=48)).findings
    assert finding.fault.name == "turn-cut" and "48" in finding.message and finding.text == "That makes 2, of"


def test_s10_rows_dropped_without_a_word_are_named(sft: Train) -> None:
    mixed = [*rows(2), *long_question(1), *rows(2), *long_question(1)]
    [finding] = looked(sft(ensured(), mixed, assistant_only_loss=True, max_length=64)).findings
    assert finding.fault.name == "rows-dropped" and finding.row == 2 and finding.rows == 2
    assert "2 of 6 rows" in finding.message


def test_s11_packs_that_end_before_the_first_answer(sft: Train) -> None:
    trainer = sft(ensured(), long_question(), assistant_only_loss=True, max_length=64, packing=True)
    [finding] = looked(trainer).findings
    assert finding.fault.name == "row-without-target" and "4 of 4 rows" in finding.message


@pytest.mark.parametrize(("strategy", "length"), [("wrapped", 64), ("bfd_split", 40)])
def test_s12_packing_cuts_answers_from_their_questions(sft: Train, strategy: str, length: int) -> None:
    settings = {"packing": True, "packing_strategy": strategy, "max_length": length}
    result = looked(sft(ensured(), rows(12), assistant_only_loss=True, **settings))
    assert "turn-without-question" in found(result)
    assert any("packing_strategy='bfd'" in each.cure for each in result.findings)


def marked(template: str) -> Any:
    tokenizer = load()
    tokenizer.chat_template = template
    return tokenizer


MARKED = {
    "header-trained": LOOP
    + "{% if m.role == 'assistant' %}{% generation %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' }}"
    + "{% endgeneration %}{{ '\n' }}{% else %}"
    + TURN
    + "{% endif %}"
    + PROMPT,
    "prompt-trained": "{% generation %}"
    + LOOP
    + TURN
    + PROMPT.replace("{% endfor %}", "{% endfor %}{% endgeneration %}"),
    "end-of-turn-untrained": LOOP
    + OPEN
    + "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}"
    + "{% endif %}{{ '<|im_end|>\n' }}"
    + PROMPT,
    "turn-untrained": LOOP
    + OPEN
    + "{% if m.role == 'assistant' and loop.last %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}"
    + "{{ '\n' }}{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}"
    + PROMPT,
}


@pytest.mark.parametrize("name", MARKED)
def test_s13_s14_s15_wrong_markers(sft: Train, name: str) -> None:
    [finding] = looked(sft(marked(MARKED[name]), rows(), assistant_only_loss=True)).findings
    assert finding.fault.name == name and "the markers of the chat template" in finding.message
    assert "templatefix.ensure" in finding.cure


def test_s16_the_newline_after_a_completion_is_told_and_cured(sft: Train) -> None:
    [finding] = looked(sft(ensured(), completions())).findings
    assert finding.fault.name == "text-after-turn-trained" and finding.text == "\n"
    cured = sft(ensured(), completions(), assistant_only_loss=True, completion_only_loss=True)
    assert looked(cured).findings == ()


def test_s17_answers_in_the_prompt_are_trained(sft: Train) -> None:
    trainer = sft(ensured(), completions(), assistant_only_loss=True, completion_only_loss=False)
    [finding] = looked(trainer).findings
    assert finding.fault.name == "prompt-answers-trained" and finding.text == "It is 1.<|im_end|>"


def test_generation_that_does_not_stop_where_answers_end(sft: Train) -> None:
    tokenizer = ensured()
    tokenizer.eos_token = "<|endoftext|>"
    trainer = sft(tokenizer, rows(), assistant_only_loss=True)
    trainer.model.generation_config.eos_token_id = tokenizer.eos_token_id
    [finding] = looked(trainer).findings
    assert finding.fault.name == "stop-unknown-to-generation"
    assert (
        "'<|im_end|>'" in finding.message
        and str(tokenizer.convert_tokens_to_ids("<|im_end|>")) in finding.cure
    )


def test_two_beginnings(sft: Train) -> None:
    tokenizer = ensured("deepseek-v3")
    ids = [tokenizer.apply_chat_template(row["messages"], return_dict=True)["input_ids"] for row in rows()]
    doubled = [{"input_ids": [tokenizer.bos_token_id, *each]} for each in ids]
    assert "two-beginnings" in found(looked(sft(tokenizer, doubled)))


def test_another_template_is_saved_than_labels_are_made_with(sft: Train) -> None:
    tokenizer = ensured()
    trainer = sft(tokenizer, rows(), assistant_only_loss=True)
    trainer.chat_template = tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_start|>user", "<|im_start|>USER").replace(
        "'<|im_start|>' + message.role", "'<|im_start|> ' + message.role"
    )
    assert "other-template-saved" in found(looked(trainer))


def test_rows_of_another_template(sft: Train) -> None:
    tokenizer = ensured()
    other = tokenized(marked(LOOP + "{{ m.role + ': ' + m.content + '\n' }}" + PROMPT))
    assert "rows-of-another-template" in found(looked(sft(tokenizer, other, assistant_only_loss=True)))
