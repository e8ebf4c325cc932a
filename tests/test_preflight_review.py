"""What a review of the preflight found: rows that went wrong unseen, alarms that were false, tracebacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForSeq2Seq

import templatefix
from templatefix.errors import UsageError
from templatefix.training import Preflight, label_table, preflight, training_template

Row = dict[str, Any]
Change = Callable[[list[int], list[int]], list[int]]


def talk(at: int) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"What is {at} plus one?"},
        {"role": "assistant", "content": f"It is {at + 1}."},
        {"role": "user", "content": "And plus two?"},
        {"role": "assistant", "content": f"That makes {at + 2}, of course."},
    ]


@pytest.fixture
def load(real_tokenizer: Callable[[str], Path]) -> Callable[[str], Any]:
    """Load a real tokenizer with proven markers."""

    @cache
    def loaded(name: str) -> Any:
        return templatefix.ensure(AutoTokenizer.from_pretrained(real_tokenizer(name)))

    return loaded


def encoded(tokenizer: Any, messages: Sequence[Any], change: Change | None = None) -> Row:
    made = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = made["input_ids"], made["assistant_masks"]
    labels = [token if bit else -100 for token, bit in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "labels": change(ids, labels) if change else labels}


def looked(rows: Any, tokenizer: Any, collate: Any = None, **given: Any) -> Preflight:
    collate = collate or DataCollatorForSeq2Seq(tokenizer)
    loader = torch.utils.data.DataLoader(rows, batch_size=2, collate_fn=collate)
    return preflight(loader, tokenizer=tokenizer, quiet=True, **given)


def codes(found: Preflight) -> list[str]:
    return [each.fault.code for each in found.findings]


def everything(ids: list[int], labels: list[int]) -> list[int]:
    return [*ids]


def shifted(ids: list[int], labels: list[int]) -> list[int]:
    return [*labels[1:], -100]


def _first(labels: list[int]) -> int:
    return next(at for at, label in enumerate(labels) if label != -100)


def with_header(ids: list[int], labels: list[int]) -> list[int]:
    at = _first(labels)
    return [*labels[: at - 2], *ids[at - 2 : at], *labels[at:]]


def without_start(ids: list[int], labels: list[int]) -> list[int]:
    at = _first(labels)
    return [*labels[:at], -100, *labels[at + 1 :]]


def without_stops(ids: list[int], labels: list[int]) -> list[int]:
    stop = next(label for label in reversed(labels) if label != -100)
    return [-100 if label == stop else label for label in labels]


def first_turn_only(ids: list[int], labels: list[int]) -> list[int]:
    at = _first(labels)
    end = next(place for place in range(at, len(labels)) if labels[place] == -100)
    return [*labels[:end], *[-100] * (len(labels) - end)]


@pytest.mark.parametrize("name", ["qwen-3.5", "deepseek-r1-distill-llama-8b", "qwen-2.5"])
def test_answers_are_found_in_rows_of_ids_alone(load: Callable[[str], Any], name: str) -> None:
    """Though a generation prompt that opens thinking stands before no answer of the history."""
    tokenizer = load(name)
    assert codes(looked([encoded(tokenizer, talk(at)) for at in range(4)], tokenizer)) == []
    wrong = [encoded(tokenizer, talk(at), everything) for at in range(4)]
    assert codes(looked(wrong, tokenizer)) == ["TRN001"]
    wrong = [encoded(tokenizer, talk(at), without_stops) for at in range(4)]
    assert codes(looked(wrong, tokenizer)) == ["TRN003"]
