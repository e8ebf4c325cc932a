"""GGUF files: templates out of their metadata, and patched copies that keep all else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from templatefix import sources
from templatefix.errors import SourceError, UsageError, WriteError
from tests.conftest import fixture
from tests.test_cli import Run, run

__all__ = ["run"]

WEIGHTS = np.arange(96, dtype=np.float32).reshape(8, 12)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make(
        tmp_path / "model.gguf", [("default", fixture("branches")), ("tool_use", fixture("tool_calls"))]
    )


def make(path: Path, templates: list[tuple[str, str]]) -> Path:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, arch="llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<s>", "</s>", "a"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_custom_alignment(64)
    if templates:
        writer.add_chat_template([{"name": name, "template": text} for name, text in templates])
    writer.add_tensor("blk.0.weight", WEIGHTS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def held(path: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    reader = GGUFReader(path)
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    [tensor] = reader.tensors
    return {**fields, "tensor": (tensor.name, tensor.data.tolist(), tensor.data_offset % 64)}


def test_templates_and_tokens_are_read(model: Path) -> None:
    first, second = sources.read(model)
    assert (first.name, first.source, second.name) == ("default", fixture("branches"), "tool_use")
    assert first.variables == {"bos_token": "<s>", "eos_token": "</s>"}
    assert second.label == f"{model}#tokenizer.chat_template.tool_use (tool_use)"


def test_a_copy_keeps_all_else(model: Path, run: Run, tmp_path: Path) -> None:
    before, data = held(model), model.read_bytes()
    out = tmp_path / "patched.gguf"
    assert run("fix", model, "-o", out)[0] == 0
    assert model.read_bytes() == data
    after = held(out)
    keys = {"tokenizer.chat_template", "tokenizer.chat_template.tool_use"}
    assert {key for key in before if before[key] != after[key]} == keys and before.keys() == after.keys()
    assert all("generation %}" in after[key] for key in keys)
    assert run("verify", out)[0] == 0
    assert run("fix", model, "-o", out)[0] == 3, "nothing is overwritten"


def test_a_named_template_alone_may_change(model: Path, tmp_path: Path) -> None:
    default, tools = sources.read(model)
    sources.write_to(tmp_path / "out.gguf", model, [(tools, "other")])
    found = {each.name: each.source for each in sources.read(tmp_path / "out.gguf")}
    assert found == {"default": default.source, "tool_use": "other"}


def test_nothing_is_changed_in_place(model: Path, run: Run) -> None:
    data = model.read_bytes()
    code, _, err = run("fix", "--in-place", model)
    assert code == 3 and "not changed in place" in err and "-o NEW.gguf" in err
    assert model.read_bytes() == data
    with pytest.raises(WriteError, match="not changed in place"):
        sources.write_to(model, model, [(each, "x") for each in sources.read(model)], overwrite=True)


def test_a_copy_is_called_gguf(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.gguf"):
        sources.write_to(tmp_path / "out.jinja", model, [(each, "x") for each in sources.read(model)])
    assert list(tmp_path.iterdir()) == [model]


def test_a_base_model_has_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no chat template"):
        sources.read(make(tmp_path / "base.gguf", []))


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF\3\0\0\0", b"no model at all, but some text\n" * 9])
def test_broken_files(tmp_path: Path, data: bytes) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "a.gguf"
    file.write_bytes(data)
    with pytest.raises(SourceError, match="no GGUF file that can be read"):
        sources.read(file)


def test_the_package_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    file = tmp_path / "a.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="package gguf") as caught:
        sources.read(file)
    assert "templatefix[gguf]" in caught.value.cure


def test_a_length_that_is_no_length_ends(model: Path) -> None:
    """The package would look for a trillion of tokens behind the end of the file."""
    data = model.read_bytes()
    place = data.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens")
    # the type of the value, the type of its elements, their number
    spoilt = (
        data[: place + 4] + (4).to_bytes(4, "little") + (2**40).to_bytes(8, "little") + data[place + 16 :]
    )
    model.write_bytes(spoilt)
    with pytest.raises(SourceError, match="it ends early"):
        sources.read(model)


def test_a_full_disk_is_not_blamed_on_the_file(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gguf import GGUFWriter

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GGUFWriter, "write_kv_data_to_file", full)
    [first, _] = sources.read(model)
    with pytest.raises(WriteError, match="No space left on device"):
        sources.write_to(tmp_path / "out.gguf", model, [(first, first.source + "x")])
    assert [file.name for file in tmp_path.iterdir()] == ["model.gguf"]
