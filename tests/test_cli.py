"""The command line, as a user meets it: output, exit codes, files."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from templatefix.cli import main
from tests.conftest import FIXTURES, fixture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def branches(tmp_path: Path) -> Path:
    path = tmp_path / "chat_template.jinja"
    path.write_text(fixture("branches"))
    return path


def config(folder: Path, template: object, **more: object) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(
        json.dumps({"bos_token": None, "chat_template": template, "eos_token": "<|end|>", **more}, indent=2)
    )
    return path


def test_audit_fix_verify(run: Run, branches: Path) -> None:
    code, out, _ = run("audit", branches)
    assert code == 1
    assert "GEN001 missing-markers" in out
    code, out, err = run("fix", branches)
    assert code == 0
    assert "+        {%- generation %}" in out
    assert "patched (wrap; same text proven" in err
    assert branches.read_text() == fixture("branches")
    code, out, _ = run("fix", "--check", branches)
    assert code == 1
    assert "1 template: 0 correct, 1 patched, 0 refused" in out
    assert run("fix", "--in-place", branches)[0] == 0
    assert run("fix", "--check", branches)[:2][0] == 0
    code, out, _ = run("verify", branches)
    assert code == 0
    assert "EXACT_SPAN" in out
    assert run("audit", branches)[0] == 0


def test_audit_sees_wrong_masks(run: Run) -> None:
    path = FIXTURES / "templates" / "wrong_markers.jinja"
    code, out, err = run("audit", path)
    assert (code, err) == (1, "")
    assert "MSK001 header-trained [error]" in out and "MSK002 end-of-turn-untrained [error]" in out
    code, out, err = run("audit", "--static", path)
    assert code == 0
    assert out == "1 template checked, no findings\n"
    assert err == "masks were not looked at: --static renders nothing\n"
    assert run("audit", "--static", "-q", path) == (0, out, "")


def test_an_audit_with_hints_only_is_fine(run: Run, branches: Path) -> None:
    run("fix", "--in-place", branches)
    code, out, _ = run("audit", branches)
    assert code == 0
    assert "TPL005 tool-calls-dropped [info]" in out and "MSK" not in out
    document = json.loads(run("audit", "--format", "json", branches)[1])
    assert (document["ok"], document["rendered"]) == (True, True)
    document = json.loads(run("audit", "--static", "--format", "json", branches)[1])
    assert (document["findings"], document["rendered"]) == ([], False)


def test_a_template_that_raises_is_a_finding(run: Run, tmp_path: Path) -> None:
    code, out, err = run("audit", _file(tmp_path, b"{{ messages[0].speaker.name }}"))
    assert (code, err) == (1, "")
    assert "TPL008 renders-nothing [error]" in out and "'speaker'" in out


def test_the_printed_diff_applies(run: Run, branches: Path) -> None:
    _, out, _ = run("fix", branches)
    (branches.parent / "fix.diff").write_text(out.replace(str(branches), "chat_template.jinja"))
    subprocess.run(["git", "apply", "fix.diff"], cwd=branches.parent, check=True)
    assert run("verify", branches)[0] == 0


def test_breaking_it_on_purpose(run: Run, branches: Path) -> None:
    run("fix", "--in-place", branches)
    broken = (
        branches.read_text()
        .replace("        {%- generation %}\n", "")
        .replace(
            "        {{- '<|assistant|>' }}\n", "        {%- generation %}\n        {{- '<|assistant|>' }}\n"
        )
    )
    branches.write_text(broken)
    code, out, _ = run("verify", branches)
    assert code == 1
    assert "found:    '<|assistant|>Tamsin1" in out
    code, out, err = run("fix", branches)
    assert code == 0
    assert "patched" in err
    branches.write_text(broken)
    run("fix", "--in-place", branches)
    assert run("verify", branches)[0] == 0


def test_json_changes_one_line(run: Run, tmp_path: Path) -> None:
    path = config(tmp_path, fixture("branches"), note="ü\\/")
    before = path.read_text().splitlines()
    path.chmod(0o640)
    assert run("fix", "--in-place", tmp_path)[0] == 0
    after = path.read_text().splitlines()
    assert [new != old for new, old in zip(after, before, strict=True)].count(True) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert run("verify", tmp_path)[0] == 0


def test_every_named_variant_is_fixed(run: Run, tmp_path: Path) -> None:
    variants = [
        {"name": "default", "template": fixture("branches")},
        {"name": "tool_use", "template": fixture("tool_calls")},
    ]
    path = config(tmp_path, variants)
    code, out, _ = run("fix", "--check", path)
    assert code == 1
    assert "2 templates: 0 correct, 2 patched" in out
    run("fix", "--in-place", path)
    assert run("fix", "--check", path)[0] == 0
    assert run("audit", path)[0] == 0


def test_a_copy_leaves_the_target_alone(run: Run, branches: Path, tmp_path: Path) -> None:
    out = tmp_path / "patched.jinja"
    assert run("fix", branches, "-o", out)[0] == 0
    assert branches.read_text() == fixture("branches")
    assert run("verify", out, "--original", branches)[0] == 0
    code, _, err = run("fix", branches, "-o", out)
    assert code == 3
    assert "exist" in err


def test_strip_gives_the_original_back(run: Run, branches: Path) -> None:
    run("fix", "--in-place", branches)
    assert run("strip", "--in-place", branches)[0] == 0
    assert branches.read_text() == fixture("branches")


def test_verify_against_another_original_fails(run: Run, branches: Path) -> None:
    run("fix", "--in-place", branches)
    code, out, _ = run("verify", branches, "--original", FIXTURES / "templates" / "tool_calls.jinja")
    assert code == 1
    assert "SAME_TEXT         fails" in out


def test_json_reports(run: Run, branches: Path) -> None:
    code, out, _ = run("fix", "--format", "json", branches)
    document = json.loads(out)
    assert (code, document["schema_version"], document["kind"]) == (0, 1, "fix")
    (template,) = document["templates"]
    assert (template["status"], template["method"]) == ("patched", "wrap")
    assert (template["verdict"]["outcome"], template["verdict"]["same_text"]) == ("holds", "proven")
    document = json.loads(run("audit", "--format", "json", branches)[1])
    assert document["findings"][0]["code"] == "GEN001"
    document = json.loads(run("verify", "--format", "json", branches)[1])
    assert document["templates"][0]["outcome"] == "fails"


def test_rules_and_patches_are_listed(run: Run) -> None:
    assert "GEN001" in run("rules")[1]
    assert "missing-markers" in run("explain", "gen001")[1]
    assert "qwen2.5" in run("patches", "list")[1]
    assert 'family = "llama3"' in run("patches", "show", "llama3")[1]


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "absent": (lambda folder: folder / "absent.jinja", "there is no such file"),
    "an empty directory": (lambda folder: folder, "no chat template"),
    "JSON without a template": (lambda folder: config(folder, None), "chat_template"),
    "an empty template": (lambda folder: _file(folder, b" \n"), "empty"),
    "a binary file": (lambda folder: _file(folder, b"GIF\xff\xfe\x00"), "UTF-8"),
    "no Jinja": (
        lambda folder: _file(folder, b"a\n{% if %}"),
        "chat_template.jinja:2: the chat template does not",
    ),
    "broken JSON": (lambda folder: _file(folder, b"{", "tokenizer_config.json"), "JSON"),
}


def _file(folder: Path, data: bytes, name: str = "chat_template.jinja") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("command", ["audit", "verify", "fix"])
@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_input_is_one_clear_error(run: Run, tmp_path: Path, command: str, name: str) -> None:
    make, words = UNREADABLE[name]
    code, out, err = run(command, make(tmp_path))
    assert (code, out) == (3, "")
    assert "\nerror: " in f"\n{err}"
    assert words in err
    assert "cure: " in err
    assert "Traceback" not in err


def test_one_bad_target_of_several_writes_nothing(run: Run, branches: Path, tmp_path: Path) -> None:
    assert run("fix", "--in-place", branches, tmp_path / "absent.jinja")[0] == 3
    assert branches.read_text() == fixture("branches")


@pytest.mark.parametrize(
    "arguments",
    [
        ["fix"],
        ["fix", "a", "--check", "--in-place"],
        ["fix", "a", "b", "-o", "c"],
        ["explain", "GEN999"],
        ["patches", "show", "x"],
        ["nonsense"],
        ["audit", "a", "--format", "xml"],
    ],
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_undecided_has_its_own_exit_code(run: Run) -> None:
    code, out, _ = run("verify", FIXTURES / "templates" / "judge_model.jinja")
    assert code == 4
    assert ": undecided" in out
    assert run("verify", "--exit-zero", FIXTURES / "templates" / "judge_model.jinja")[0] == 0


def test_standard_input_and_module(branches: Path) -> None:
    command = [sys.executable, "-m", "templatefix", "fix", "-q", "-"]
    ran = subprocess.run(command, input=fixture("branches"), capture_output=True, text=True)
    assert ran.returncode == 0
    assert "+        {%- generation %}" in ran.stdout
    assert ran.stderr == ""


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -u -m templatefix rules | head -1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert ran.stdout.startswith("GEN001")
    assert ran.stderr == ""


def test_demo(run: Run) -> None:
    code, out, _ = run("demo")
    assert code == 0
    assert "before: 0 of" in out
    assert "⟦Paris.<|im_end|>⟧" in out
    assert out.count("⟦") - 1 == 2  # the legend, and two answers
