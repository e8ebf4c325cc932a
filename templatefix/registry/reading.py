"""Patch files to patches; whatever is wrong with a file is said with its line."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from templatefix.errors import RegistryError
from templatefix.model import Change
from templatefix.registry.patch import Anchor, Patch

_KEYS = {"family": str, "models": list, "why": str, "seen": list, "edit": list}
_OPTIONAL = {"changes": list}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EDIT = re.compile(r"^\[\[edit\]\]", re.MULTILINE)


def read(path: Path) -> Patch:
    """Read one patch file.

    Raises:
        RegistryError: The file is no TOML, or a key is missing, unknown or of the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RegistryError(f"no UTF-8: {error.reason}", where=str(path)) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Patch:
    """Read a patch from the text of its file; see [`read`]."""
    file = _File(text, path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise file.no_toml(error) from error
    _check(data, file)
    lines = [text.count("\n", 0, found.start()) + 1 for found in _EDIT.finditer(text)]
    if len(lines) != len(
        data["edit"]
    ):  # written in another form, or in a string: better no line than a wrong one
        lines = [0] * len(data["edit"])
    edits = tuple(_anchor(each, line, file) for each, line in zip(data["edit"], lines, strict=True))
    for find, times in Counter(anchor.find for anchor in edits).items():
        if times > 1:
            twice = next(anchor.line for anchor in reversed(edits) if anchor.find == find)
            raise file.error("two [[edit]]s have the same `find`", twice)
    names, seen = tuple(data["models"]), tuple(data["seen"])
    changes = tuple(_change(each, file) for each in data.get("changes", ()))
    return Patch(data["family"], names, data["why"].strip(), seen, edits, path, changes)


class _File:
    """The text of a patch file, and errors that name a place in it."""

    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self.path = path

    def error(self, what: str, line: int, cure: str = "") -> RegistryError:
        return RegistryError(what, where=f"{self.path}:{line}" if line else str(self.path), cure=cure)

    def no_toml(self, error: tomllib.TOMLDecodeError) -> RegistryError:
        line = re.search(r"at line (\d+)", str(error))
        return self.error(f"no valid TOML: {error}", int(line[1]) if line else self._text.count("\n") + 1)

    def line(self, pattern: str) -> int:
        """The line where `pattern` first matches; 0 if nowhere."""
        found = re.search(pattern, self._text, re.MULTILINE)
        return self._text.count("\n", 0, found.start()) + 1 if found else 0

    def key(self, name: str) -> int:
        """The line of a key of the file, or of the first table of that name."""
        return self.line(rf"^(\[\[?)?[ \t\"']*{re.escape(name)}\b")


def _check(data: dict[str, Any], file: _File) -> None:
    known = _KEYS | _OPTIONAL
    for key in data.keys() - known.keys():
        cure = f"the keys are {', '.join(known)}."
        raise file.error(f"unknown key {key!r}", file.key(key), cure)
    for key, kind in _KEYS.items():
        if not isinstance(data.get(key), kind) or not data[key]:
            raise file.error(f"{key!r} is missing, empty or no {kind.__name__}", file.key(key))
    for key, optional in _OPTIONAL.items():
        if key in data and not isinstance(data[key], optional):
            raise file.error(f"{key!r} is no {optional.__name__}", file.key(key))
    for key in ("models", "seen"):
        if not all(isinstance(each, str) for each in data[key]):
            raise file.error(f"{key!r} holds something other than strings", file.key(key))
    if data["family"] != file.path.stem:
        cure = f"call it {file.path.stem!r}."
        raise file.error("'family' is not the file's name", file.key("family"), cure)
    for value in data["seen"]:
        if not _SHA256.fullmatch(value):
            cure = "a sha256 has 64 hexadecimal digits; `templatefix patches new FILE` writes it."
            raise file.error(f"{value!r} in 'seen' is no sha256", file.line(re.escape(value)), cure)


def _change(value: Any, file: _File) -> Change:
    if not _strings(value, {"probe", "why"}) or not all(value.values()):
        cure = "each of them has the strings `probe` and `why`, and no other key."
        raise file.error("'changes' is malformed", file.key("changes"), cure)
    return Change(value["probe"], value["why"].strip())


def _strings(value: Any, keys: set[str]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == keys
        and all(isinstance(each, str) for each in value.values())
    )


def _anchor(value: Any, line: int, file: _File) -> Anchor:
    if not _strings(value, {"find", "put"}) or not value["find"]:
        raise file.error(
            "an [[edit]] is malformed",
            line,
            "each [[edit]] has the strings `find` and `put`, and no other key.",
        )
    if value["find"] == value["put"]:
        raise file.error("an [[edit]] changes nothing", line)
    return Anchor(value["find"], value["put"], line)
