"""Patches for known families: TOML files of anchored edits, data and never code."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from templatefix.edits import Newlines, apply
from templatefix.errors import RegistryError, UsageError
from templatefix.model import Candidate, Edit, Span

_KEYS = {"family": str, "models": list, "why": str, "seen": list, "edit": list}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One edit: a text that must stand exactly once in the template, and what replaces it."""

    find: str
    put: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch for one family of templates.

    Args:
        family (`str`): Its name, the stem of its file.
        models (`tuple[str, ...]`): Hub ids it was written for, `*` for any part.
        why (`str`): What stands in the way of an automatic patch.
        seen (`tuple[str, ...]`): sha256 of the pristine templates it was reviewed on, newlines normalised.
        edits (`tuple[Anchor, ...]`): What it does.
        path (`Path`): The file it was read from.
    """

    family: str
    models: tuple[str, ...]
    why: str
    seen: tuple[str, ...]
    edits: tuple[Anchor, ...]
    path: Path

    def knows(self, source: str) -> bool:
        """Whether the patch was reviewed on this very template."""
        return digest(source) in self.seen

    def fits(self, source: str) -> bool:
        """Whether each anchor stands exactly once in the template."""
        text = Newlines.of(source).normal
        return all(text.count(anchor.find) == 1 for anchor in self.edits)

    def candidate(self, source: str) -> Candidate:
        """Apply the patch to a template that it fits.

        Raises:
            RegistryError: It does not fit.
        """
        text = Newlines.of(source).normal
        if not self.fits(text):
            raise RegistryError(
                f"the patch {self.family} does not fit this template",
                where=str(self.path),
                cure="each `find` must stand exactly once in the template.",
            )
        edits = []
        for anchor in self.edits:
            start = text.index(anchor.find)
            edits.append(Edit(Span(start, start + len(anchor.find)), anchor.put))
        return Candidate(apply(text, edits), "registry", tuple(sorted(edits)), self.family)


def digest(source: str) -> str:
    """Return the sha256 of a template with its newlines normalised, as `seen` lists it."""
    return hashlib.sha256(Newlines.of(source).normal.encode()).hexdigest()


def folder() -> Path:
    """Return the folder of patch files: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    return next(each for each in (package / "patches", package.parent / "patches") if each.is_dir())


@cache
def load() -> tuple[Patch, ...]:
    """Read every patch file of the registry.

    Raises:
        RegistryError: A file is malformed; names the file and, where it can be told, the line.
    """
    return tuple(read(path) for path in sorted(folder().glob("*.toml")))


def find(family: str) -> Patch:
    """Return the patch of one family.

    Raises:
        UsageError: There is none.
    """
    for patch in load():
        if patch.family == family:
            return patch
    known = ", ".join(patch.family for patch in load())
    raise UsageError(f"no patch is named {family!r}", cure=f"choose one of {known}.")


def candidates(source: str) -> Iterator[Candidate]:
    """Yield the patches that fit a template: those reviewed on it first.

    Between the anchors of a patch with several, a template nobody reviewed may do anything; so such a patch is
    for the templates it was reviewed on alone.
    """
    fitting = [
        patch for patch in load() if patch.fits(source) and (patch.knows(source) or len(patch.edits) == 1)
    ]
    for patch in sorted(fitting, key=lambda each: not each.knows(source)):
        yield patch.candidate(source)


def read(path: Path) -> Patch:
    """Read one patch file.

    Raises:
        RegistryError: The file is no TOML, or a key is missing, unknown or of the wrong type.
    """
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"no valid TOML: {error}", where=str(path)) from error
    _check(data, text, path)
    edits = tuple(_anchor(each, text, path) for each in data["edit"])
    return Patch(data["family"], tuple(data["models"]), data["why"].strip(), tuple(data["seen"]), edits, path)


def _check(data: dict[str, Any], text: str, path: Path) -> None:
    for key in data.keys() - _KEYS.keys():
        raise _error(f"unknown key {key!r}", key, text, path, f"the keys are {', '.join(_KEYS)}.")
    for key, kind in _KEYS.items():
        if not isinstance(data.get(key), kind) or not data[key]:
            raise _error(f"{key!r} is missing, empty or no {kind.__name__}", key, text, path, "")
    if data["family"] != path.stem:
        raise _error("'family' is not the file's name", "family", text, path, f"call it {path.stem!r}.")
    for value in data["seen"]:
        if not _SHA256.fullmatch(str(value)):
            cure = "a sha256 has 64 hexadecimal digits; `templatefix.registry.digest(source)` computes it."
            raise _error(f"{value!r} in 'seen' is no sha256", str(value), text, path, cure)


def _anchor(value: Any, text: str, path: Path) -> Anchor:
    strings = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    if not strings or set(value) != {"find", "put"} or not value["find"]:
        cure = "each [[edit]] has the strings `find` and `put`."
        raise _error("an [[edit]] is malformed", "[[edit]]", text, path, cure)
    return Anchor(value["find"], value["put"])


def _error(what: str, needle: str, text: str, path: Path, cure: str) -> RegistryError:
    at = text.find(needle)
    line = f":{text.count(chr(10), 0, at) + 1}" if at >= 0 else ""
    return RegistryError(what, where=f"{path}{line}", cure=cure)
