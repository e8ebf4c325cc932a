"""Reading: every kind of target, its exact text and place, and one clear error for each bad one."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from templatefix import sources
from templatefix.errors import SourceError, UsageError
from templatefix.model import Origin, Template
from templatefix.sources import files

JINJA = "{% for m in messages %}{{ m.content }}{% endfor %}"


def put(folder: Path, name: str, content: str | bytes | dict[str, Any] | list[Any]) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict | list):
        content = json.dumps(content)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# what is read


@pytest.mark.parametrize("text", [JINJA, "\ufeff" + JINJA, "a\r\nb\rc\n", "é 漢 🙂\u2028"])
def test_text_file_is_kept_as_stored(tmp_path: Path, text: str) -> None:
    file = put(tmp_path, "chat.jinja", text)
    [template] = sources.read(file)
    assert template == Template(text, origin=Origin(str(file)))


def test_any_suffix_is_text(tmp_path: Path) -> None:
    assert sources.read(str(put(tmp_path, "chat.txt", JINJA)))[0].source == JINJA


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "é\r\n{{ x }}".encode())
    assert sources.read("-") == (Template("é\r\n{{ x }}", origin=Origin("-")),)


def test_a_pipe_is_read() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write(JINJA)
    assert sources.read(f"/dev/fd/{reader}")[0].source == JINJA
    os.close(reader)


def test_odd_file_names_are_no_stdin_and_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    targets: dict[str, str | Path] = {"-": Path("-"), "<a>": "<a>"}
    for name, target in targets.items():
        put(tmp_path, name, JINJA)
        [template] = sources.read(target)
        sources.write_back([(template, name)])
        assert (tmp_path / name).read_text() == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (JINJA, [("default", "/chat_template", JINJA)]),
        (
            [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}],
            [("default", "/chat_template/0/template", "a"), ("tool_use", "/chat_template/1/template", "b")],
        ),
        (
            {"default": "a", "tool_use": "b", "x/y~z": "c"},
            [
                ("default", "/chat_template/default", "a"),
                ("tool_use", "/chat_template/tool_use", "b"),
                ("x/y~z", "/chat_template/x~1y~0z", "c"),
            ],
        ),
    ],
)
@pytest.mark.parametrize(
    "name", ["tokenizer_config.json", "chat_template.json", "processor_config.json", "x.JSON"]
)
def test_json_forms(tmp_path: Path, name: str, value: Any, expected: list[tuple[str, str, str]]) -> None:
    file = put(tmp_path, name, {"x": 1, "chat_template": value})
    found = sources.read(file)
    assert [(one.name, one.origin.pointer, one.source) for one in found] == expected
    assert {one.origin.path for one in found} == {str(file)}
    assert all(one.effective for one in found)


def test_of_a_duplicate_key_the_last_counts(tmp_path: Path) -> None:
    file = put(tmp_path, "tokenizer_config.json", '{"chat_template": "a", "chat_template": "b"}')
    assert sources.read(file)[0].source == "b"


def test_template_is_returned(tmp_path: Path) -> None:
    template = Template.from_source(JINJA)
    assert sources.read(template) == (template,)


def test_objects() -> None:
    class Tokenizer(SimpleNamespace):
        pass

    token = SimpleNamespace(__str__=None)
    tokens = {"bos_token": "<s>", "extra": ["a"], "eos_token": token}
    [template] = sources.read(Tokenizer(chat_template=JINJA, special_tokens_map=tokens))
    assert template == Template(
        JINJA, origin=Origin("<Tokenizer>"), variables={"bos_token": "<s>", "eos_token": str(token)}
    )
    processor = SimpleNamespace(
        chat_template={"default": "a", "rag": "b"},
        tokenizer=Tokenizer(special_tokens_map={"eos_token": "</s>"}),
    )
    first, second = sources.read(processor)
    assert (first.name, first.source, second.name, second.source) == ("default", "a", "rag", "b")
    assert second.variables == {"eos_token": "</s>"}


# special tokens


def test_variables_come_from_the_neighbours(tmp_path: Path) -> None:
    put(
        tmp_path,
        "tokenizer_config.json",
        {"bos_token": "<s>", "eos_token": {"content": "<e>"}, "pad_token": None},
    )
    put(
        tmp_path,
        "special_tokens_map.json",
        {"eos_token": {"content": "</s>"}, "additional_special_tokens": ["x"]},
    )
    expected = {"bos_token": "<s>", "eos_token": "</s>"}
    for name in ["a.jinja", "additional_chat_templates/rag.jinja", "chat_template.json"]:
        file = put(tmp_path, name, {"chat_template": JINJA} if name.endswith("json") else JINJA)
        assert sources.read(file)[0].variables == expected
    assert {tuple(one.variables.items()) for one in sources.read(tmp_path)} == {tuple(expected.items())}


def test_special_tokens_map_is_not_read_beside_an_added_tokens_decoder(tmp_path: Path) -> None:
    put(tmp_path, "tokenizer_config.json", {"eos_token": "<e>", "added_tokens_decoder": {}})
    put(tmp_path, "special_tokens_map.json", {"eos_token": "</s>"})
    assert sources.read(put(tmp_path, "a.jinja", JINJA))[0].variables == {"eos_token": "<e>"}


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        ("tokenizer_config.json", {"added_tokens_decoder": {"7": {"content": "<|user|>"}}}, ("<|user|>",)),
        ("tokenizer.json", {"added_tokens": [{"content": "<|user|>"}], "model": {}}, ("<|user|>",)),
        ("tokenizer.json", {"model": {}}, ()),
        ("tokenizer.json", '{"added_tokens": [{', ()),
        ("tokenizer.json", '{"added_tokens":' + "[" * 100_000, ()),
        ("tokenizer.json", {"model": {"merges": ["a b"], "vocab": {"added_tokens": 1}}}, ()),
        (
            "tokenizer.json",
            {"added_tokens": [{"content": "<|user|>"}], "large": "x" * 20_000_000},
            ("<|user|>",),
        ),
    ],
)
def test_tokens_that_a_tokenizer_holds_as_one(
    tmp_path: Path, file: str, content: Any, found: tuple[str, ...]
) -> None:
    put(tmp_path, file, content)
    path = put(tmp_path, "chat_template.jinja", JINJA)
    assert [one.special_tokens for one in (*sources.read(path), *sources.read(tmp_path))] == [found, found]


def test_additional_template_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "tokenizer_config.json", {"eos_token": "<e>"})
    file = put(tmp_path, "additional_chat_templates/rag.jinja", JINJA)
    monkeypatch.chdir(file.parent)
    for target in (file, "rag.jinja", "../additional_chat_templates/rag.jinja"):
        [template] = sources.read(target)
        assert (template.name, template.variables) == ("rag", {"eos_token": "<e>"})


# directories (what is effective is compared with transformers in test_sources_transformers.py)


def test_directory_returns_all_with_their_places(tmp_path: Path) -> None:
    put(tmp_path, "chat_template.jinja", "a")
    put(tmp_path, "additional_chat_templates/rag.jinja", "b")
    put(tmp_path, "additional_chat_templates/README.md", "no template")
    put(tmp_path, "tokenizer_config.json", {"chat_template": [{"name": "default", "template": "c"}]})
    put(tmp_path, "processor_config.json", {"chat_template": {"default": "d"}})
    found = sources.read(f"{tmp_path}/")
    assert [(str(one.origin), one.name, one.source, one.effective) for one in found] == [
        (f"{tmp_path}/chat_template.jinja", "default", "a", True),
        (f"{tmp_path}/additional_chat_templates/rag.jinja", "rag", "b", True),
        (f"{tmp_path}/processor_config.json#/chat_template/default", "default", "d", True),
        (f"{tmp_path}/tokenizer_config.json#/chat_template/0/template", "default", "c", False),
    ]


def test_relative_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "model/chat_template.jinja", JINJA)
    monkeypatch.chdir(tmp_path)
    assert str(sources.read("model")[0].origin) == "model/chat_template.jinja"


def test_blank_template_counts_only_where_it_is_used(tmp_path: Path) -> None:
    put(tmp_path, "tokenizer_config.json", {"chat_template": ""})
    put(tmp_path, "chat_template.jinja", JINJA)
    assert [one.source for one in sources.read(tmp_path)] == [JINJA]
    put(tmp_path, "chat_template.jinja", "\n")  # as in transformers, it still wins over the inline one
    put(tmp_path, "tokenizer_config.json", {"chat_template": JINJA})
    with pytest.raises(SourceError, match="is empty") as caught:
        sources.read(tmp_path)
    assert caught.value.where == f"{tmp_path}/chat_template.jinja"


# bad input: one error each, with file, cause and cure

Prepare = Callable[[Path], object]


def _config(value: Any) -> Prepare:
    return lambda folder: put(folder, "tokenizer_config.json", {"chat_template": value})


def _file(name: str, content: str | bytes | dict[str, Any] | list[Any]) -> Prepare:
    return lambda folder: put(folder, name, content)


BAD: dict[str, tuple[Prepare, str, str, str]] = {
    # name: how to make the target, then parts of where, what and cure
    "missing file": (lambda folder: folder / "no.jinja", "no.jinja", "no such file or directory", "spelling"),
    "missing path": (lambda folder: str(folder / "no/no"), "no/no", "no such file or directory", "spelling"),
    "below a file": (
        lambda folder: put(folder, "a", "x") / "b",
        "a/b",
        "no such file or directory",
        "spelling",
    ),
    "no template in directory": (
        lambda folder: put(folder, "tokenizer_config.json", {}).parent,
        "",
        "looked for chat_template.jinja, additional_chat_templates/*.jinja, and `chat_template` in "
        "tokenizer_config.json, processor_config.json and chat_template.json",
        "instruct or chat model",
    ),
    "no key": (
        _file("tokenizer_config.json", {}),
        "tokenizer_config.json",
        "no `chat_template`",
        "directory",
    ),
    "null": (_config(None), "tokenizer_config.json", "holds no `chat_template`", "directory"),
    "empty list": (_config([]), "tokenizer_config.json", "holds no `chat_template`", "directory"),
    "tokenizer.json": (
        _file("tokenizer.json", {"model": {}}),
        "tokenizer.json",
        "no `chat_template`",
        "vocabulary",
    ),
    "bad JSON": (
        _file("a.json", '{\n  "x": ,\n}'),
        "a.json:2:8",
        "does not parse: Expecting value",
        "correct",
    ),
    "deep JSON": (_file("a.json", "[" * 200_000), "a.json", "nested too deeply", "correct the file"),
    "huge number": (
        _file("a.json", '{"x": 1' + "0" * 5000 + "}"),
        "a.json",
        "does not parse",
        "correct the file",
    ),
    "no object": (_file("a.json", []), "a.json", "not an object", "tokenizer_config.json"),
    "number": (_config(5), "#/chat_template", "`chat_template` is a number", "{name, template}"),
    "boolean": (_config(False), "#/chat_template", "`chat_template` is a boolean", "{name, template}"),
    "entry is a string": (
        _config(["x"]),
        "#/chat_template/0",
        "entry 0 of `chat_template` is a string",
        "write",
    ),
    "entry is null": (_config([None]), "#/chat_template/0", "is null", "write a string, a list of"),
    "no name": (_config([{"template": "x"}]), "#/chat_template/0", "has no `name`", "write a string"),
    "no template": (_config([{"name": "x"}]), "#/chat_template/0", "has no `template`", "write a string"),
    "wrong name": (_config([{"name": 1, "template": "x"}]), "/chat_template/0/name", "is a number", "write"),
    "wrong text": (_config([{"name": "x", "template": []}]), "/0/template", "this is a list", "write"),
    "wrong variant": (_config({"a/b": {}}), "#/chat_template/a~1b", "this is an object", "write a string"),
    "twice": (
        _config([{"name": "x", "template": "a"}, {"name": "x", "template": "b"}]),
        "#/chat_template/1",
        "two templates are called 'x'",
        "rename or delete",
    ),
    "empty file": (_file("a.jinja", ""), "a.jinja", "chat template is empty", "restore the template"),
    "only spaces": (_file("a.jinja", " \r\n\t"), "a.jinja", "chat template is empty", "restore"),
    "only a mark": (_file("a.jinja", "\ufeff\n"), "a.jinja", "chat template is empty", "restore"),
    "empty value": (_config(""), "#/chat_template", "chat template is empty", "restore"),
    "empty variant": (_config({"rag": " "}), "(rag)", "chat template is empty", "restore"),
    "latin-1": (_file("a.jinja", b"caf\xe9!"), "a.jinja", "not UTF-8 text: byte 0xe9 at offset 3", "UTF-8"),
    "utf-16": (
        _file("a.jinja", "ab".encode("utf-16")),
        "a.jinja",
        "byte 0xff at offset 0",
        "save it as UTF-8",
    ),
    "zero byte": (_file("a.jinja", "ab".encode("utf-16-le")), "a.jinja", "byte 0x00 at offset 1", "save it"),
    "binary JSON": (_file("a.json", b"\x80"), "a.json", "byte 0x80 at offset 0", "save it as UTF-8"),
    "GGUF": (_file("a.bin", b"GGUF\3\0\0\0"), "a.bin", "GGUF model file by another name", "ends with .gguf"),
    "bad neighbour": (
        lambda folder: (put(folder, "tokenizer_config.json", "{"), put(folder, "a.jinja", "x"))[1],
        "tokenizer_config.json:1:2",
        "does not parse",
        "correct the file",
    ),
    "not a Hub id": (
        lambda _: "model/chat_template.jinja",
        "model/",
        "no such file or directory",
        "spelling",
    ),
    "source text": (lambda _: JINJA, "", "the text of a template", "Template.from_source"),
    "no template on object": (
        lambda _: SimpleNamespace(chat_template=None),
        "<SimpleNamespace>",
        "it has no chat template",
        "a base model has none",
    ),
    "processor without": (
        lambda _: SimpleNamespace(chat_template=None, tokenizer=SimpleNamespace(chat_template="x")),
        "<SimpleNamespace>",
        "it has no chat template",
        "processor.tokenizer",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(tmp_path: Path, name: str) -> None:
    prepare, where, what, cure = BAD[name]
    target: Any = prepare(tmp_path)
    with pytest.raises(SourceError) as caught:
        sources.read(target)
    error = caught.value
    assert where in error.where and what in error.what and cure in error.cure
    assert "\n" not in error.what and str(error) == (
        f"{error.where}: {error.what}\n  cure: {error.cure}"
        if error.where
        else f"{error.what}\n  cure: {error.cure}"
    )


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, cure in [("a.jinja", "name the .jinja"), ("tokenizer.json", "holds the vocabulary")]:
        file = tmp_path / name
        with file.open("wb") as stream:
            stream.truncate(files.LIMIT + 1)
        with pytest.raises(SourceError, match="larger than 16 MiB") as caught:
            sources.read(file)
        assert cure in caught.value.cure and caught.value.where == str(file)
    pipe(monkeypatch, b"x" * (files.LIMIT + 1))
    with pytest.raises(SourceError, match="larger than 16 MiB"):
        sources.read("-")


@pytest.mark.parametrize(
    ("error", "what"),
    [(PermissionError(13, "no"), "permission denied"), (OSError(5, "I/O error"), "I/O error")],
)
def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, what: str) -> None:
    def refuse(*_: object) -> None:  # the tests may run as root, who may read everything
        raise error

    file = put(tmp_path, "a.jinja", JINJA)
    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(SourceError, match=what) as caught:
        sources.read(file)
    assert caught.value.where == str(file) and caught.value.cure


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    file = put(tmp_path, "a.jinja", JINJA)
    file.chmod(0)
    with pytest.raises(SourceError, match="permission denied"):
        sources.read(file)


@pytest.mark.parametrize("name", ["model", "model/additional_chat_templates"])
def test_unlistable_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    put(tmp_path, "model/additional_chat_templates/rag.jinja", JINJA)
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(tmp_path / name))
    with pytest.raises(SourceError, match="permission denied") as caught:
        sources.read(tmp_path / "model")
    assert caught.value.where == str(tmp_path / name) and "chmod" in caught.value.cure


def test_closed_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        sources.read("-")


@pytest.mark.parametrize("target", [5, None, b"a.jinja", object()])
def test_no_target_at_all(target: Any) -> None:
    with pytest.raises(UsageError, match=f"cannot be read from a {type(target).__name__}"):
        sources.read(target)
