"""The registry as a whole: what can be read of it, and which patches a template may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from templatefix.errors import RegistryError, UsageError
from templatefix.model import Candidate, Safety, Variant
from templatefix.registry.patch import Patch
from templatefix.registry.reading import read


def folder() -> Path:
    """Return the folder of patch files: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    return next(each for each in (package / "patches", package.parent / "patches") if each.is_dir())


@cache
def _files() -> tuple[Patch | RegistryError, ...]:
    return tuple(_try(path) for path in sorted(folder().glob("*.toml"), key=lambda path: path.stem))


def _try(path: Path) -> Patch | RegistryError:
    try:
        return read(path)
    except RegistryError as error:
        return error


def load() -> tuple[Patch, ...]:
    """Return every patch of the registry that can be read."""
    return tuple(each for each in _files() if isinstance(each, Patch))


def broken() -> tuple[RegistryError, ...]:
    """Return what is wrong with the patch files that cannot be read: the file, the line and the cure of each."""
    return tuple(each for each in _files() if isinstance(each, RegistryError))


def find(family: str) -> Patch:
    """Return the patch of one family.

    Raises:
        UsageError: There is none.
    """
    for patch in load():
        if patch.family == family:
            return patch
    near = get_close_matches(family, [patch.family for patch in load()])
    cure = f"did you mean {' or '.join(near)}?" if near else "`templatefix patches list` names them."
    raise UsageError(f"no patch is named {family!r}", cure=cure)


def candidates(
    source: str, patches: Sequence[Patch] | None = None, variant: Variant = "same-text"
) -> Iterator[Candidate]:
    """Yield what patches make of a template that they fit: those reviewed on it first, then the most specific.

    Around and between anchors, a template nobody reviewed may do anything: the judge decides.

    Args:
        source (`str`): The template.
        patches (`Sequence[Patch]`, *optional*): The patches to choose from; the registry's if `None`.
        variant (`str`): `same-text`, or `training` for the patches that declare changes of the text.
    """
    patches = load() if patches is None else patches
    safety = Safety.UNSAFE if variant == "training" else Safety.SAFE
    fitting = [patch for patch in patches if patch.safety is safety and patch.fits(source)]
    for patch in sorted(fitting, key=lambda each: (not each.knows(source), -each.size)):
        yield patch.candidate(source)


def misfits(source: str) -> list[RegistryError]:
    """Return what keeps the patches that list a template as seen from applying to it."""
    found = []
    for patch in load():
        if patch.knows(source):
            try:
                patch.candidate(source)
            except RegistryError as error:
                found.append(error)
    return found
