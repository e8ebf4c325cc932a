"""Patched copies of whole models: a directory, a model on the Hub, a GGUF file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from templatefix.errors import UsageError, WriteError
from templatefix.hub import HubId
from templatefix.model import Template
from templatefix.sources.atomic import sync_folder
from templatefix.sources.changes import Change, FileChange
from templatefix.sources.gguf import is_gguf, refuse_in_place, write_gguf


def copy_gguf(out: Path, source: Path, changes: Sequence[Change], overwrite: bool) -> Path:
    """Write a GGUF file anew with other templates.

    Raises:
        SourceError: The file cannot be read.
        UsageError: `out` is not named as a GGUF file.
        WriteError: `out` exists, or is the file itself.
    """
    if not is_gguf(out.name):
        raise UsageError("the output is a GGUF file, and its name must end with .gguf", where=str(out))
    if os.path.realpath(out) == os.path.realpath(source):
        raise refuse_in_place(str(out))
    if os.path.lexists(out) and not (overwrite and out.is_file()):
        raise exists(str(out), "name another file.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        copy = Path(scratch, out.name)
        write_gguf(copy, str(source), {template.name: text for template, text in changes})
        os.replace(copy, out)
    sync_folder(out.parent)
    return out


def copy_model(place: str, changes: Sequence[Change], files: Mapping[Path, FileChange]) -> Path:
    """Write all that a tokenizer or processor is loaded from, of a model on the Hub, with its templates patched.

    Raises:
        HubError: The Hub was not reached, or refused.
        UsageError: There are no changes to tell the commit from.
        WriteError: `place` exists.
    """
    template = next((template for template, _ in changes if template.origin.hub), None)
    if template is None:
        raise UsageError("pass at least one template of the model: it names the commit", where=place)
    folder, names = loadable("", template)
    source = Path(folder)
    return copy_folder(place, source, [source / name for name in names], files)


def loadable(target: str, template: Template) -> tuple[str, tuple[str, ...]]:
    """Return the folder and the names of all files that a tokenizer or processor is loaded from.

    Args:
        target (`str`): A directory, if `template` is not from the Hub.
        template (`Template`): One of its templates; if it is from the Hub, it names the model and the commit.

    Raises:
        HubError: The Hub was not reached, or refused.
        UsageError: The target is neither a directory nor a model.
    """
    from templatefix.sources.hub import fetch_loadable, matching

    if (file := template.origin.hub) is not None:
        return fetch_loadable(HubId(file.repo, file.sha))
    if not os.path.isdir(target):
        raise UsageError("a whole tokenizer is needed, and this is no directory", where=target)
    inside = [
        os.path.relpath(file, target)
        for part in ("*", "*/*")
        for file in Path(target).glob(part)
        if file.is_file()
    ]
    return target, matching(name.replace(os.sep, "/") for name in inside)


def copy_folder(place: str, source: Path, found: Sequence[Path], files: Mapping[Path, FileChange]) -> Path:
    """Write a new directory with files that were `found` in `source`, those in `files` changed: whole, or not at all.

    Raises:
        UsageError: `place` lies in `source`, or a change belongs to none of the files.
        WriteError: `place` exists.
    """
    out = Path(os.path.realpath(place))
    if out == source or source in out.parents:
        raise UsageError(
            "the output lies in the directory that is read", where=place, cure="name a place outside of it."
        )
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise exists(place, "name a directory that does not exist yet, or an empty one.")
    reached = {Path(os.path.realpath(file)) for file in found}
    require_none_left({path: file for path, file in files.items() if path not in reached})
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        copy = Path(scratch, out.name)
        copy.mkdir()
        for file in found:
            goal = copy / file.relative_to(source)
            goal.parent.mkdir(exist_ok=True)
            if (change := files.get(Path(os.path.realpath(file)))) is None:
                shutil.copy(file, goal)
            else:
                goal.write_bytes(change.after)
                shutil.copymode(file, goal)
        if out.exists():
            out.rmdir()
        os.replace(copy, out)
    sync_folder(out.parent)
    return Path(place)


def require_none_left(files: Mapping[Path, FileChange]) -> None:
    """Check that every change has found its file.

    Raises:
        UsageError: One has not.
    """
    for file in files.values():
        raise UsageError(
            "this file is to be changed, and is no part of the target",
            where=file.label,
            cure="pass the changes of the templates that were read from this target, and no others.",
        )


def exists(place: str, cure: str) -> WriteError:
    """Return what to raise where something is in the way."""
    return WriteError("it exists already, and nothing is overwritten", where=place, cure=cure)
