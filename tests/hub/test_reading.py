"""A model on the Hub is read at one commit, with few requests, and as transformers would load it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

import templatefix
from templatefix import sources
from templatefix.errors import HubError, SourceError
from templatefix.sources.files import LIMIT
from tests.conftest import fixture
from tests.hub import Hub
from tests.test_cli import Run

NAME = "org/model"
CONFIG: dict[str, object] = {"bos_token": None, "eos_token": "<|end|>", "added_tokens_decoder": {}}


def files(**more: bytes) -> dict[str, bytes]:
    """A model with a template in its tokenizer's configuration, and weights that nobody should download."""
    config = json.dumps({**CONFIG, "chat_template": fixture("branches")}, indent=2).encode()
    return {
        "tokenizer_config.json": config,
        "config.json": b"{}",
        "model.safetensors": b"\0" * 64,
        "README.md": b"# model\n",
        **more,
    }


def asked(hub: Hub) -> list[str]:
    return [f"{each.method} {each.path.removeprefix(f'/{NAME}/resolve/')}" for each in hub.requests]


def test_only_what_matters_is_asked_for(hub: Hub, run: Run) -> None:
    sha = hub.create(NAME, files()).resolve("main")
    code, out, err = run("audit", NAME)
    assert code == 1
    assert f"{NAME}@main is {sha}\n" in err
    assert f"{NAME}@{str(sha)[:8]}/tokenizer_config.json#/chat_template:" in out and "GEN001" in out
    assert asked(hub) == [
        f"GET /api/models/{NAME}/revision/main",
        f"HEAD {sha}/tokenizer_config.json",
        f"GET {sha}/tokenizer_config.json",
    ]
    hub.requests.clear()
    run("audit", "-q", NAME)
    assert asked(hub) == [f"GET /api/models/{NAME}/revision/main"]


def test_special_tokens_come_along(hub: Hub) -> None:
    plain = json.dumps({"chat_template": fixture("branches"), "eos_token": "<e>"}).encode()
    special = json.dumps({"eos_token": "</s>"}).encode()
    hub.create(NAME, {"tokenizer_config.json": plain, "special_tokens_map.json": special})
    [template] = sources.read(NAME)
    assert template.variables == {"eos_token": "</s>"}


def test_every_place_is_read_with_its_precedence(hub: Hub) -> None:
    places = {
        "chat_template.jinja": b"a",
        "additional_chat_templates/rag.jinja": b"b",
        "additional_chat_templates/deep/no.jinja": b"no",
        "processor_config.json": b'{"chat_template": {"default": "d"}}',
    }
    hub.create(NAME, files(**places))
    found = sources.read(NAME)
    shown = [(each.origin.hub.name if each.origin.hub else "", each.name, each.effective) for each in found]
    assert shown == [
        ("chat_template.jinja", "default", True),
        ("additional_chat_templates/rag.jinja", "rag", True),
        ("processor_config.json", "default", True),
        ("tokenizer_config.json", "default", False),
    ]


def test_a_processor_counts_by_its_file_s_name(hub: Hub) -> None:
    """The two loaders differ in which of two files called `default` wins; the processor's own file is not needed."""
    places = {"chat_template.jinja": b"a", "additional_chat_templates/default.jinja": b"b"}
    repo = hub.create(NAME, places)
    assert {each.source for each in sources.read(NAME) if each.effective} == {"b"}
    repo.commit({"preprocessor_config.json": b"{}"}, "Add a processor")
    assert {each.source for each in sources.read(NAME) if each.effective} == {"a", "b"}
    assert not any("preprocessor" in each for each in asked(hub))


def test_a_revision_is_read_at_its_commit(hub: Hub) -> None:
    repo = hub.create(NAME, files())
    first = repo.resolve("main")
    repo.commit({"chat_template.jinja": b"new"}, "Change", ref="refs/heads/dev", parent=first)
    assert [each.source for each in sources.read(f"{NAME}@dev") if each.effective] == ["new"]
    assert sources.read(f"{NAME}@{first}")[0].source == fixture("branches")


def test_a_copy_loads(hub: Hub, run: Run, tmp_path: Path, real_tokenizer: Callable[[str], Path]) -> None:
    from transformers import AutoTokenizer

    folder = real_tokenizer("qwen-2.5")
    hub.create(
        NAME, {"weights.safetensors": b"x"} | {file.name: file.read_bytes() for file in folder.iterdir()}
    )
    code, _, err = run("fix", NAME, "-o", tmp_path / "out")
    assert (code, "written: " in err) == (0, True)
    assert not (tmp_path / "out" / "weights.safetensors").exists()
    loaded = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert "{%- generation %}" in loaded.chat_template or "{% generation" in loaded.chat_template
    before = (folder / "tokenizer_config.json").read_text().splitlines()
    after = (tmp_path / "out" / "tokenizer_config.json").read_text().splitlines()
    assert [new != old for new, old in zip(after, before, strict=True)].count(True) == 1


def test_a_tokenizer_of_the_hub_judges_its_tokens(
    hub: Hub, run: Run, real_tokenizer: Callable[[str], Path]
) -> None:
    folder = real_tokenizer("qwen-2.5")
    hub.create(NAME, {file.name: file.read_bytes() for file in folder.iterdir()})
    code, out, _ = run("verify", NAME, "--tokenizer", f"{NAME}@main")
    assert code == 1 and "TOKENS_TRUE" in out


def test_a_model_without_a_tokenizer_has_none(hub: Hub, run: Run) -> None:
    hub.create("org/weights", {"model.safetensors": b""})
    hub.create(NAME, files())
    code, _, err = run("verify", NAME, "--tokenizer", "org/weights")
    assert code == 3 and "org/weights@main: the model holds no file of a tokenizer" in err


def test_offline_no_half_a_copy_is_written(
    hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.create(NAME, files())
    run("audit", "--static", NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, _, err = run("fix", NAME, "-o", tmp_path / "out")
    assert code == 3 and "the cache does not hold the files" in err and not (tmp_path / "out").exists()


def test_a_directory_of_the_same_name_comes_first(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.create(NAME, files())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    with pytest.raises(SourceError, match="no such file or directory"):
        sources.read(NAME)
    assert sources.read(f"hf://{NAME}")[0].origin.hub
    assert templatefix.push(f"hf://{NAME}", direct=True).plan.action == "commit"


def test_nothing_is_written_into_the_cache(hub: Hub, run: Run) -> None:
    hub.create(NAME, files())
    code, _, err = run("fix", "--in-place", NAME)
    assert code == 3 and "not changed in place" in err and "templatefix push" in err


def test_offline_the_last_known_commit_is_said(
    hub: Hub,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = hub.create(NAME, files())
    sha = repo.resolve("main")
    run("audit", NAME)
    repo.commit({"chat_template.jinja": b"newer"}, "Change")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, _, err = run("audit", "-q", NAME)
    assert code == 1
    assert f"{NAME}@main is {sha}; the Hub was not reached" in err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert "newer" in [each.source for each in sources.read(NAME)]


def test_offline_a_cache_that_others_filled_serves(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import hf_hub_download

    hub.create(NAME, files())
    hf_hub_download(NAME, "tokenizer_config.json", endpoint=hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    [template] = sources.read(NAME)
    assert template.source == fixture("branches") and template.origin.hub and template.origin.hub.cached


def test_a_stale_cache_does_not_hide_a_refusal(hub: Hub) -> None:
    from tests.hub import Fault

    hub.create(NAME, files())
    sources.read(NAME)
    for status in (401, 403, 500, 0):
        hub.faults = [Fault("GET /api/models", status)]
        with pytest.raises(HubError):
            sources.read(NAME)


def test_a_broken_file_is_named_as_on_the_hub(hub: Hub) -> None:
    sha = hub.create(NAME, {"tokenizer_config.json": b"{"}).resolve("main")
    with pytest.raises(SourceError) as caught:
        templatefix.audit(NAME)
    assert caught.value.where.startswith(f"{NAME}@{str(sha)[:8]}/tokenizer_config.json:1")


def test_what_is_too_large_is_not_even_downloaded(hub: Hub) -> None:
    hub.create(NAME, files(**{"chat_template.jinja": b"x" * (LIMIT + 1)}))
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        templatefix.audit(NAME)
    assert len(asked(hub)) == 1


def test_a_base_model_has_none(hub: Hub) -> None:
    hub.create(NAME, {"config.json": b"{}", "model.gguf": b"GGUF"})
    with pytest.raises(SourceError, match="no file that a chat template could be in"):
        sources.read(NAME)
