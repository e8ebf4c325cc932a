"""Directories in which a template is not what it seems: the rules say so, and transformers really does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

import templatefix
from templatefix.errors import SourceError
from tests.test_sources import put
from tests.test_sources_transformers import loaded_by_processor, texts, tiny

A, B, C = "{{ messages }}", "{{ messages[0] }}", "{{ messages[1] }}"
VARIANTS = [{"name": "default", "template": A}, {"name": "tool_use", "template": B}]
ADDITIONAL = "additional_chat_templates"

TRAPS: dict[str, tuple[Any, dict[str, Any], list[str], set[str]]] = {
    # name: the inline template, the other files, the findings, what a tokenizer loads
    "nothing wrong": (VARIANTS, {}, [], {A, B}),
    "a new file loses tool_use": (VARIANTS, {"chat_template.jinja": A}, ["SHP002"], {A}),
    "a new file with another text": (A, {"chat_template.jinja": B}, ["SHP001"], {B}),
    "rag alone loses the default": (A, {f"{ADDITIONAL}/rag.jinja": B}, ["SHP002"], {B}),
    "default overrides": (
        None,
        {"chat_template.jinja": A, f"{ADDITIONAL}/default.jinja": B},
        ["SHP004", "SHP001"],
        {B},
    ),
    "file collides": (
        None,
        {"chat_template.jinja": A, f"{ADDITIONAL}/file.jinja": B},
        ["SHP004", "SHP002"],
        {B},
    ),
    "two consumers": (
        None,
        {"chat_template.jinja": A, "chat_template.json": {"chat_template": B}},
        ["SHP003"],
        {A},
    ),
    "a byte order mark": (None, {"chat_template.jinja": "\ufeff" + A}, ["SHP005"], {"\ufeff" + A}),
    "carriage returns": (None, {"chat_template.jinja": f"{A}\r\n{A}"}, ["SHP006"], {f"{A}\n{A}"}),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps(tmp_path: Path, name: str) -> None:
    inline, others, codes, loaded = TRAPS[name]
    tiny(tmp_path, **({"chat_template": inline} if inline else {}))
    for place, content in others.items():
        put(tmp_path, place, content)
    assert texts(PreTrainedTokenizerFast.from_pretrained(tmp_path).chat_template) == loaded
    findings = templatefix.audit(tmp_path, render=False).findings
    assert [each.code for each in findings if each.code.startswith("SHP")] == codes
    if name == "two consumers":
        assert loaded_by_processor(tmp_path) == {B}


def test_an_empty_file_wins_and_is_an_error(tmp_path: Path) -> None:
    put(tiny(tmp_path, chat_template=A), "chat_template.jinja", "")
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path).chat_template == ""
    with pytest.raises(SourceError, match="is empty"):
        templatefix.audit(tmp_path)
