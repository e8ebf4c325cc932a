"""Writing: all or nothing, exactly the bytes that changed, and never over someone else's work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from templatefix import sources
from templatefix.errors import SourceError, TemplateFixError, UsageError, WriteError
from templatefix.model import Template
from tests.test_sources import JINJA, pipe, put

Change = tuple[Template, str]


def marked(target: Any) -> list[Change]:
    return [(template, template.source + "!") for template in sources.read(target)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model directory with a template in every place."""
    folder = tmp_path / "model"
    put(folder, "chat_template.jinja", "\ufeffa\r\nb")
    put(folder, "additional_chat_templates/rag.jinja", "rag")
    variants = [{"name": "default", "template": "é</s>"}, {"name": "tool_use", "template": "tools"}]
    put(
        folder,
        "tokenizer_config.json",
        '\ufeff{\r\n\t"chat_template": ' + json.dumps(variants) + ', "n": 1.0}',
    )
    put(folder, "processor_config.json", '{"chat_template" :{"default":"processor"} }')
    put(folder, "model.safetensors", b"\0\xff")
    return folder


# write_back


def test_every_place_is_written_and_nothing_else(model: Path) -> None:
    before = content(model)
    written = sources.write_back(marked(model))
    assert content(model) == before | {
        "chat_template.jinja": "\ufeffa\r\nb!".encode(),
        "additional_chat_templates/rag.jinja": b"rag!",
        "tokenizer_config.json": before["tokenizer_config.json"]
        .replace(rb"\u00e9</s>", rb"\u00e9</s>!")
        .replace(b'"tools"', b'"tools!"'),
        "processor_config.json": b'{"chat_template" :{"default":"processor!"} }',
    }
    assert {file.name for file in written} == {
        "chat_template.jinja",
        "rag.jinja",
        "tokenizer_config.json",
        "processor_config.json",
    }


def test_unchanged_text_is_not_written(model: Path) -> None:
    templates = sources.read(model)
    file = model / "tokenizer_config.json"
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert sources.write_back([(template, template.source) for template in templates]) == ()
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o444])
def test_mode_bits_stay(tmp_path: Path, mode: int) -> None:
    file = put(tmp_path, "a.jinja", JINJA)
    file.chmod(mode)
    sources.write_back(marked(file))
    assert file.stat().st_mode & 0o7777 == mode and file.read_text() == JINJA + "!"


def test_symbolic_link_stays_one(tmp_path: Path) -> None:
    real = put(tmp_path, "elsewhere/real.jinja", JINJA)
    link = tmp_path / "a.jinja"
    link.symlink_to(os.path.join("elsewhere", "real.jinja"))
    assert sources.write_back(marked(link)) == (real.resolve(),)
    assert link.is_symlink() and real.read_text() == JINJA + "!"
    assert os.listdir(real.parent) == ["real.jinja"]


def test_two_names_of_one_file_are_one_change(tmp_path: Path) -> None:
    put(tmp_path, "chat_template.jinja", JINJA)
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates/rag.jinja").symlink_to("../chat_template.jinja")
    first, second = sources.read(tmp_path)
    assert len(sources.write_back([(first, "x"), (second, "x")])) == 1
    first, second = sources.read(tmp_path)
    with pytest.raises(UsageError, match="two different texts"):
        sources.write_back([(first, "y"), (second, "z")])
    assert (tmp_path / "chat_template.jinja").read_text() == "x"


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_all_as_it_was(
    model: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    before, changes, real, calls = content(model), marked(model), os.replace, 0

    def replace(source: Any, goal: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise error
        real(source, goal)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WriteError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        sources.write_back(changes)
    assert calls == 2 * failing - 1  # each file that was replaced is put back
    assert content(model) == before
    if isinstance(caught.value, WriteError):
        assert "No space left on device" in caught.value.what and "-o OUT" in caught.value.cure


def test_the_old_content_is_kept_where_it_cannot_be_put_back(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, changes, real, calls = content(model), marked(model), os.replace, 0

    def replace(source: Any, goal: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(5, "I/O error")
        real(source, goal)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WriteError, match="could not be put back") as caught:
        sources.write_back(changes)
    after = content(model)
    [copy] = after.keys() - before.keys()
    [changed] = [name for name in before if before[name] != after[name]]
    assert after[copy] == before[changed]
    assert str(model / copy) in caught.value.what and str(model / changed) in caught.value.what


def test_read_only_directory(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from templatefix.sources import atomic

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    before, changes = content(model), marked(model)
    monkeypatch.setattr(atomic, "open", refuse, raising=False)
    with pytest.raises(WriteError, match="Permission denied") as caught:
        sources.write_back(changes)
    assert caught.value.where == changes[0][0].origin.path and content(model) == before


@pytest.mark.parametrize(
    ("name", "now", "what"),
    [
        ("chat_template.jinja", "other", "its text is another now"),
        ("chat_template.jinja", b"\xff", "byte 0xff"),
        ("chat_template.jinja", None, "no such file"),
        ("tokenizer_config.json", {}, "nothing is at /chat_template/0/template now"),
        ("tokenizer_config.json", {"chat_template": "string"}, "nothing is at /chat_template/0/template now"),
        (
            "tokenizer_config.json",
            {"chat_template": [{"name": "x", "template": "y"}]},
            "its text is another now",
        ),
        ("tokenizer_config.json", "{", "does not parse"),
    ],
)
def test_a_change_on_disk_is_detected(model: Path, name: str, now: Any, what: str) -> None:
    changes = marked(model)
    (model / name).unlink()
    if now is not None:
        put(model, name, now)
    before = content(model)
    for act in (sources.write_back, sources.diff):
        with pytest.raises(WriteError, match="changed on disk since it was read") as caught:
            act(changes)
        assert what in caught.value.what and name in caught.value.where and "again" in caught.value.cure
    assert content(model) == before


def test_other_keys_of_the_json_may_have_changed(model: Path) -> None:
    changes = marked(model)
    file = model / "processor_config.json"
    put(model, file.name, {"new": "key", "chat_template": {"default": "processor"}})
    sources.write_back(changes)
    assert json.loads(file.read_text()) == {"new": "key", "chat_template": {"default": "processor!"}}


def test_a_change_in_the_last_moment_is_detected(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from templatefix.sources import atomic

    changes, real = marked(model), atomic.stage

    def stage(path: Path, *arguments: Any, **options: Any) -> Path:
        put(model, "chat_template.jinja", "another program's work")
        return real(path, *arguments, **options)

    monkeypatch.setattr(atomic, "stage", stage)
    with pytest.raises(WriteError, match="changed on disk"):
        sources.write_back(changes)
    assert (model / "chat_template.jinja").read_text() == "another program's work"
    assert (model / "additional_chat_templates/rag.jinja").read_text() == "rag"


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
def test_text_that_cannot_be_stored(tmp_path: Path, name: str) -> None:
    file = put(tmp_path, name, {"chat_template": JINJA} if name.endswith("json") else JINJA)
    [template] = sources.read(file)
    with pytest.raises(WriteError, match="cannot be stored") as caught:
        sources.write_back([(template, "\ud83d\ude42")])
    assert "surrogate" in caught.value.cure and content(tmp_path).keys() == {name}


def test_what_is_no_file_cannot_be_written_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, JINJA.encode())
    for target in ("-", SimpleNamespace(chat_template=JINJA), Template.from_source(JINJA)):
        with pytest.raises(UsageError, match="not read from a file") as caught:
            sources.write_back(marked(target))
        assert "-o OUT" in caught.value.cure


def test_the_cache_of_the_hub_is_left_alone(tmp_path: Path) -> None:
    cache = tmp_path / "models--org--name"
    put(cache, "blobs/abc", JINJA)
    snapshot = cache / "snapshots/123"
    snapshot.mkdir(parents=True)
    (snapshot / "chat_template.jinja").symlink_to("../../blobs/abc")
    changes = marked(snapshot)
    with pytest.raises(WriteError, match="cache of the Hugging Face Hub") as caught:
        sources.write_back(changes)
    assert "--local-dir" in caught.value.cure and (cache / "blobs/abc").read_text() == JINJA
    out = sources.write_to(tmp_path / "out", snapshot, changes)
    assert (out / "chat_template.jinja").read_text() == JINJA + "!" and not (
        out / "chat_template.jinja"
    ).is_symlink()


# diff


def test_diff_is_what_git_applies(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    before, changes = content(model), marked("model")
    diff = sources.diff(changes)
    sources.write_back(changes)
    after = content(model)
    subprocess.run(["git", "apply", "-R", "-"], input=diff.encode(), check=True, cwd=model.parent)
    assert content(model) == before
    subprocess.run(["git", "apply", "-"], input=diff.encode(), check=True, cwd=model.parent)
    assert content(model) == after
    assert diff.count("--- a/model/") == 4 and "--- a/model/tokenizer_config.json" in diff


def test_diff_of_json_is_one_line(tmp_path: Path) -> None:
    file = put(tmp_path, "tokenizer_config.json", '{\n  "chat_template": "a\\nb",\n  "x": 1\n}')
    lines = sources.diff(marked(file)).splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == [
        r'-  "chat_template": "a\nb",',
        r'+  "chat_template": "a\nb!",',
    ]


def test_diff_of_no_file_is_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"a\n")
    assert sources.diff([(sources.read("-")[0], "b\n")]) == "--- a/-\n+++ b/-\n@@ -1 +1 @@\n-a\n+b\n"
    template = Template.from_source("a\n")
    assert sources.diff([(template, "a\n")]) == ""


# write_to


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json", "processor_config.json"])
@pytest.mark.parametrize("out", ["out/", "there", "out{}", "deep/new/out{}"])
def test_one_file(model: Path, tmp_path: Path, name: str, out: str) -> None:
    (tmp_path / "there").mkdir()
    file, before = model / name, content(model)
    file.chmod(0o640)
    written = sources.write_to(
        str(tmp_path / out.format(file.suffix)) + "/" * out.endswith("/"), file, marked(file)
    )
    assert written == (tmp_path / out.format(file.suffix) if "{" in out else tmp_path / out / name)
    assert written.stat().st_mode & 0o777 == 0o640
    assert content(model) == before
    sources.write_back(marked(file))
    assert written.read_bytes() == file.read_bytes()


def test_one_file_without_changes_is_a_copy(model: Path, tmp_path: Path) -> None:
    written = sources.write_to(tmp_path / "out.jinja", model / "chat_template.jinja", [])
    assert written.read_bytes() == (model / "chat_template.jinja").read_bytes()


def test_stdin_and_objects_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"a\r\n")
    assert sources.write_to(tmp_path / "out.jinja", "-", marked("-")).read_bytes() == b"a\r\n!"
    tokenizer = SimpleNamespace(chat_template="t")
    written = sources.write_to(f"{tmp_path}/sub/", tokenizer, marked(tokenizer))
    assert written == tmp_path / "sub/chat_template.jinja" and written.read_text() == "t!"
    assert oct(written.stat().st_mode) == oct(put(tmp_path, "normal", "x").stat().st_mode)
    several = SimpleNamespace(chat_template={"default": "a", "rag": "b"})
    with pytest.raises(UsageError, match="only one template"):
        sources.write_to(tmp_path / "more.jinja", several, marked(several))
    with pytest.raises(WriteError, match="cannot be stored"):
        sources.write_to(tmp_path / "bad.jinja", tokenizer, [(sources.read(tokenizer)[0], "\udc00")])


def test_an_existing_file_is_overwritten_only_on_demand(model: Path, tmp_path: Path) -> None:
    file = model / "chat_template.jinja"
    out = put(tmp_path, "out.jinja", "mine")
    link = tmp_path / "link.jinja"
    link.symlink_to("out.jinja")
    for place in (out, link):
        with pytest.raises(WriteError, match="it exists already") as caught:
            sources.write_to(place, file, marked(file))
        assert "overwrite" in caught.value.cure and out.read_text() == "mine"
    sources.write_to(link, file, marked(file), overwrite=True)
    assert link.is_symlink() and out.read_bytes() == "\ufeffa\r\nb!".encode()


def test_a_device_is_never_replaced(model: Path) -> None:
    file = model / "chat_template.jinja"
    with pytest.raises(WriteError, match="exists already"):
        sources.write_to(os.devnull, file, marked(file), overwrite=True)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("name", "out", "cure"),
    [("tokenizer_config.json", "x.jinja", ".json"), ("chat_template.jinja", "x.json", ".jinja")],
)
def test_a_name_that_lies_about_the_content(model: Path, name: str, out: str, cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.write_to(model.parent / out, model / name, marked(model / name))
    assert cure in caught.value.cure and not (model.parent / out).exists()


@pytest.mark.parametrize("exists", [False, True])
def test_directory(model: Path, tmp_path: Path, exists: bool) -> None:
    put(model, "checkpoint-5/chat_template.jinja", "not part of the model")
    put(model, "run.sh", "x").chmod(0o755)
    (model / "linked.json").symlink_to("processor_config.json")
    out, before = tmp_path / "out", content(model)
    if exists:
        out.mkdir()
    assert sources.write_to(f"{out}/", model, marked(model)) == out
    assert content(model) == before
    copied = content(out)
    assert (out / "run.sh").stat().st_mode & 0o777 == 0o755
    assert out.stat().st_mode == model.stat().st_mode
    sources.write_back(marked(model))
    expected = content(model)
    del expected["checkpoint-5/chat_template.jinja"]
    assert copied == expected
    assert sorted(os.listdir(tmp_path)) == ["model", "out"]


@pytest.mark.parametrize(
    ("out", "error", "what"),
    [
        ("full", WriteError, "it exists already"),
        ("file", WriteError, "it exists already"),
        ("model", UsageError, "lies in the directory that is read"),
        ("model/out", UsageError, "lies in the directory that is read"),
        ("link/out", UsageError, "lies in the directory that is read"),
        ("file/below", WriteError, "could not be written"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_directory_refusals(
    model: Path, tmp_path: Path, out: str, error: type[TemplateFixError], what: str, overwrite: bool
) -> None:
    put(tmp_path, "full/x", "x")
    put(tmp_path, "file", "x")
    (tmp_path / "link").symlink_to("model")
    before = content(tmp_path)
    with pytest.raises(error, match=what) as caught:
        sources.write_to(tmp_path / out, model, marked(model), overwrite=overwrite)
    assert caught.value.cure and caught.value.where == str(tmp_path / out)
    assert content(tmp_path) == before


def test_a_failure_leaves_no_half_directory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    changes: Sequence[Change] = marked(model)

    def copy(source: Path, goal: Path, **_: object) -> None:
        if source.name == "tokenizer_config.json":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copymode", copy)
    with pytest.raises(WriteError, match="No space left"):
        sources.write_to(tmp_path / "out", model, changes)
    assert os.listdir(tmp_path) == ["model"]


def test_changes_of_another_target(model: Path, tmp_path: Path) -> None:
    other = put(tmp_path, "other.jinja", "x")
    for target, out in [(model, "out"), (model / "chat_template.jinja", "out.jinja")]:
        with pytest.raises(UsageError, match="no part of the target"):
            sources.write_to(tmp_path / out, target, marked(other))
        assert not (tmp_path / out).exists()


def test_a_target_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        sources.write_to(tmp_path / "out.jinja", tmp_path / "gone.jinja", [])


def test_nothing_is_written_into_a_cache_without_links(tmp_path: Path) -> None:
    """On Windows, and on disks that have no links, a snapshot holds the files themselves."""
    snapshot = tmp_path / "models--org--model" / "snapshots" / "123"
    put(snapshot, "additional_chat_templates/rag.jinja", JINJA)
    put(snapshot, "chat_template.jinja", JINJA)
    before = content(tmp_path)
    with pytest.raises(WriteError, match="cache of the Hugging Face Hub"):
        sources.write_back(marked(snapshot))
    assert content(tmp_path) == before


def test_a_copy_of_files_that_may_only_be_read() -> None:
    """Root may write into them all the same, so another user tries it, in a folder that is open to all."""
    code = (
        "import os, sys; from templatefix.sources import read, write_to; [one] = read(sys.argv[1]); "
        "os.getuid() or os.seteuid(65534); write_to(sys.argv[2], sys.argv[1], [(one, one.source + '!')])"
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        put(folder / "model", "chat_template.jinja", JINJA).chmod(0o444)
        (folder / "out").mkdir()
        for each in (folder, folder / "out"):
            each.chmod(0o777)
        goal = folder / "out" / "model"
        subprocess.run([sys.executable, "-c", code, folder / "model", goal], check=True)
        assert (goal / "chat_template.jinja").read_text() == JINJA + "!"
        assert (goal / "chat_template.jinja").stat().st_mode & 0o777 == 0o444
