"""The house keeps its floors: a module imports only from lower ones, and starts light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import templatefix

FLOORS = (
    ("model", "errors", "schema", "lazy"),
    ("edits", "syntax", "probes"),
    ("render",),
    ("analysis",),
    ("expected", "registry"),
    ("coverage", "tokens"),
    ("judge", "synthesis"),
    ("rules",),
    ("diagnosis", "stripping"),
    ("fixing", "hub", "inference"),
    ("sources", "contributing"),
    ("api", "demo", "report"),
    ("shipping", "training"),
    ("cli", "__main__"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# `edits` is imported by its neighbour: it knows text alone. `api` stands on `sources`, `demo` on `api`.
SAME_FLOOR = {
    ("syntax", "edits"),
    ("probes", "syntax"),
    ("demo", "api"),
    ("model", "lazy"),
    ("schema", "model"),
    ("__main__", "cli"),
    ("model", "schema"),
}
PACKAGE = Path(templatefix.__file__).parent


def modules() -> list[Path]:
    return [
        path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"
    ]


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "templatefix":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("templatefix."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("templatefix.")
            }
    return found - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = unit(path)
    for other in imports(path) - {own}:
        lower = FLOOR_OF[other] < FLOOR_OF[own]
        assert lower or (own, other) in SAME_FLOOR, f"{own} (floor {FLOOR_OF[own]}) imports {other}"


def test_no_patch_is_made_from_what_judges_it() -> None:
    for path in modules():
        if unit(path) == "synthesis":
            assert not imports(path) & {"judge"}, path
        if unit(path) == "expected":
            assert not imports(path) & {"synthesis", "syntax"}, path


def test_the_second_road_shares_no_code_with_the_first() -> None:
    text = (PACKAGE / "expected" / "prefixes.py").read_text()
    assert re.findall(r"^from (templatefix\S+)", text, re.MULTILINE) == ["templatefix.analysis"]


HEAVY = (
    *("pyarrow", "transformers", "torch", "huggingface_hub", "numpy", "tokenizers", "rich.markdown"),
    *("templatefix.shipping", "templatefix.sources.writing", "templatefix.synthesis", "templatefix.training"),
)


@pytest.mark.parametrize(
    "code",
    [
        "import templatefix",
        "import templatefix; templatefix.audit; templatefix.fix",
        "from templatefix.cli import main\ntry: main(['audit', FILE])\nexcept SystemExit as end: assert end.code == 1",
    ],
)
def test_starts_light(code: str, tmp_path: Path) -> None:
    file = tmp_path / "chat_template.jinja"
    file.write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    check = f"FILE = {str(file)!r}\n{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
