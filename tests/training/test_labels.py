"""Labels to look at: counts, trained text, a line for each token; from trainers, from pairs, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from templatefix.cli import main
from templatefix.errors import UsageError
from templatefix.training import label_table, show, supervised
from tests.training.conftest import Train, ensured, folder, rows, talk


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def test_the_table_of_a_trainer(sft: Train) -> None:
    trainer = sft(ensured(), rows(), assistant_only_loss=True)
    head, *lines = label_table(trainer, row=1).splitlines()
    assert head.startswith("52 tokens: 15 supervised, 37 ignored.") and "not hidden from the model" in head
    assert len(lines) == 52
    assert lines[0] == "0000 | IGNORED | input_id=  151644 | label=    -100 | '<|im_start|>'"
    assert lines[23] == "0023 | LOSS    | input_id=    2132 | label=    2132 | 'It'"
    assert supervised(trainer, row=1) == ["It is 2.<|im_end|>", "That makes 3, of course.<|im_end|>"]
    assert "⟦It is 2.<|im_end|>⟧" in show(trainer, row=1)
    paged = label_table(trainer, row=1, start=23, count=2).splitlines()
    assert [line[:4] for line in paged[1:3]] == ["0023", "0024"] and "27 more tokens" in paged[3]


def test_pairs_of_lists_arrays_and_tensors() -> None:
    import numpy
    import torch

    tokenizer = ensured()
    ids, labels = [2132, 374, 13], [-100, 374, 13]
    forms: list[Any] = [
        (ids, labels),
        ([ids], [labels]),
        (numpy.array([ids]), numpy.array([labels])),
        (torch.tensor([ids]), torch.tensor([labels])),
    ]
    for pair in forms:
        assert supervised(pair, tokenizer) == [" is."]
    with pytest.raises(UsageError, match="same shape"):
        label_table((ids, labels[:2]), tokenizer)
    with pytest.raises(UsageError, match="no row 1"):
        label_table((ids, labels), tokenizer, row=1)
    with pytest.raises(UsageError, match="no tokenizer"):
        label_table((ids, labels))


def test_padding_is_no_token_of_a_row(sft: Train) -> None:
    trainer = sft(ensured(), [*rows(1), {"messages": talk(5)[1:3]}], assistant_only_loss=True)
    batch = trainer.data_collator([trainer.train_dataset[at] for at in range(2)])
    pair = (batch["input_ids"], batch["labels"], batch["attention_mask"])
    lengths = [len(trainer.train_dataset[at]["input_ids"]) for at in range(2)]
    assert [int(label_table(pair, ensured(), row=at).split()[0]) for at in range(2)] == lengths


def test_show_of_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = tmp_path / "chat.json"
    chat.write_text(json.dumps(talk(0)))
    where = str(folder("qwen-2.5"))
    code, out, err = run(["show", where, "--conversation", str(chat)], capsys)
    assert code == 0 and "52 tokens: 15 supervised" in out and "⟦It is 1.<|im_end|>⟧" in out
    assert "no markers" in err
    code, out, _ = run(
        ["show", where, "--conversation", str(chat), "--tokens", "--start", "23", "--count", "1"], capsys
    )
    assert code == 0 and "0023 | LOSS    | input_id=    2132 | label=    2132 | 'It'" in out
    code, out, _ = run(
        ["show", where, "--conversation", str(chat), "--max-length", "25", "--format", "json"], capsys
    )
    shown = json.loads(out)
    assert (shown["tokens"], shown["supervised"], shown["trained"]) == (25, 2, ["It is"])
    assert shown["table"][23] == {"index": 23, "loss": True, "input_id": 2132, "label": 2132, "token": "It"}


def test_show_of_a_template_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chat_template.jinja"
    file.write_text(ensured().chat_template)
    code, out, _ = run(["show", str(file)], capsys)
    assert code == 0 and out.count("⟦") == 2
    code, _, err = run(["show", str(file), "--tokens"], capsys)
    assert code == 2 and "--tokenizer" in err
    code, out, _ = run(["show", str(file), "--tokens", "--tokenizer", str(folder("qwen-2.5"))], capsys)
    assert code == 0 and "LOSS" in out
    file.write_text("{{ messages[0].content }}")
    code, _, err = run(["show", str(file)], capsys)
    assert code == 1 and "none are proven" in err


@pytest.mark.parametrize("code", ["TRN001", "removed-collator", "trn011"])
def test_explain(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    done, out, _ = run(["explain", code], capsys)
    assert done == 0 and out.startswith("# TRN0")
