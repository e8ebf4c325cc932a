"""Rows with images: labels are made per batch, so that nothing is known before one is collated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from templatefix.training import ensure, preflight
from tests.training.conftest import load

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{% if part.type == 'image' %}{{ '<image>' }}{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def processor() -> Any:
    from transformers import CLIPImageProcessor, LlavaProcessor

    tokenizer = load()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    side = {"height": 32, "width": 32}
    return ensure(
        LlavaProcessor(
            image_processor=CLIPImageProcessor(size=side, crop_size=side),
            tokenizer=tokenizer,
            patch_size=16,
            vision_feature_select_strategy="default",
            chat_template=TEMPLATE,
            num_additional_image_tokens=1,
        )
    )


def trainer(processor: Any, tmp_path: Path, **settings: Any) -> Any:
    from datasets import Dataset
    from PIL import Image
    from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration, Qwen2Config
    from trl import SFTConfig, SFTTrainer

    sizes: dict[str, int] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(image_size=32, patch_size=16, **sizes),
        text_config=Qwen2Config(vocab_size=len(processor.tokenizer), num_key_value_heads=2, **sizes),
        image_token_id=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    ask = [{"type": "image", "text": None}, {"type": "text", "text": "What is it?"}]
    messages = [
        {"role": "user", "content": ask},
        {"role": "assistant", "content": [{"type": "text", "text": "A dog."}]},
    ]
    picture = Image.new("RGB", (32, 32))
    return SFTTrainer(
        model=LlavaForConditionalGeneration(config),
        args=SFTConfig(
            output_dir=str(tmp_path),
            report_to="none",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            **settings,
        ),
        train_dataset=Dataset.from_list([{"messages": messages, "images": [picture]} for _ in range(4)]),
        processing_class=processor,
    )


def test_sound_rows_with_images(processor: Any, tmp_path: Path) -> None:
    assert preflight(trainer(processor, tmp_path, assistant_only_loss=True), quiet=True).findings == ()


def test_s18_rows_cut_before_the_answer_have_no_target(processor: Any, tmp_path: Path) -> None:
    result = preflight(trainer(processor, tmp_path, assistant_only_loss=True, max_length=10), quiet=True)
    [finding] = result.findings
    assert finding.fault.name == "row-without-target" and "4 of 4 rows" in finding.message


def test_s18_a_template_without_markers_leaves_no_target(processor: Any, tmp_path: Path) -> None:
    made = trainer(processor, tmp_path, assistant_only_loss=True)
    made.data_collator.chat_template = TEMPLATE
    assert "row-without-target" in [each.fault.name for each in preflight(made, quiet=True).findings]


def test_the_whole_conversation_is_trained(processor: Any, tmp_path: Path) -> None:
    [finding] = preflight(trainer(processor, tmp_path), quiet=True).findings
    assert finding.fault.name == "prompt-trained"
