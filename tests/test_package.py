"""What leaves the repository: the wheel, the README, the help."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import templatefix
from templatefix import __version__, model, registry, rules, sources
from templatefix.training import faults
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_wheel_holds_the_patches_and_the_types(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"templatefix-{__version__}-*.whl")
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert (unpacked / "templatefix" / "py.typed").exists()
    assert not (unpacked / "tests").exists()
    code = "from templatefix import registry; print(registry.folder()); print(*[p.family for p in registry.load()])"
    alone = {"PYTHONPATH": str(unpacked)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True, check=True, env=alone
    )
    folder, families = ran.stdout.splitlines()
    assert Path(folder) == unpacked / "templatefix" / "patches"
    assert families.split() == [patch.family for patch in registry.load()]


def test_the_readme_shows_the_rules_as_they_are() -> None:
    assert rules.table() in README
    assert faults.table() in README


@pytest.mark.parametrize("command", re.findall(r"<!-- help: (\w*) -->", README))
def test_the_readme_shows_the_help_as_it_is(command: str) -> None:
    words = [command] if command else []
    ran = subprocess.run(
        [sys.executable, "-m", "templatefix", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "100", "TERM": "dumb"},
    )
    shown = re.search(rf"<!-- help: {command} -->\n```\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1].strip() == "\n".join(line.rstrip() for line in ran.stdout.strip().splitlines())


def test_submodules_need_no_import_of_their_own() -> None:
    code = "import templatefix; print(templatefix.training.preflight.__name__, templatefix.errors.RenderError.__name__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["preflight", "RenderError"]


@pytest.mark.parametrize("package", [templatefix, templatefix.training, sources, model])
def test_dir_lists_the_public_names_and_each_can_be_imported(package: ModuleType) -> None:
    public = set(package.__all__)
    assert all(hasattr(package, name) for name in public)
    if package in (templatefix, templatefix.training):
        assert set(dir(package)) - {"__version__"} == public
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(package, "nothing")  # noqa: B009  # mypy knows that it is absent


def test_ci_runs_what_the_readme_says() -> None:
    (develop,) = re.findall(r"```sh\n(.*python -m pytest.*)\n```", README)
    ci = (ROOT / ".ci" / "run").read_text().replace(" --quiet", "")
    for command in develop.split(" && "):
        assert command in ci
