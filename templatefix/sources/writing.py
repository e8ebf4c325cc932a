"""`write_back` and `write_to`: patched templates to where they came from, or to a new place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from templatefix.errors import UsageError, WriteError
from templatefix.hub import hub_id
from templatefix.sources.atomic import failed, replace_all, stage, sync_folder
from templatefix.sources.changes import Change, FileChange, encode, prepare
from templatefix.sources.copying import copy_folder, copy_gguf, copy_model, exists, require_none_left
from templatefix.sources.files import STDIN, read_bytes
from templatefix.sources.gguf import is_gguf
from templatefix.sources.precedence import Place
from templatefix.sources.reading import Target


def write_back(changes: Sequence[Change]) -> tuple[Path, ...]:
    """Store new texts in the very places their templates came from: all of them, or none.

    In JSON only the string's own bytes change, in the escaping style of the old string. Mode bits stay, and
    a symbolic link stays one: the file it leads to is changed.

    Args:
        changes (`Sequence[tuple[Template, str]]`): Templates as `read` returned them, and their new texts.
            One whose text is the old one is checked, not written.

    Returns:
        `tuple[Path, ...]`: The files that were changed.

    Raises:
        UsageError: A template comes from no file, or one place is given two different texts.
        WriteError: A file changed on disk since it was read, lies in the cache of the Hub, or could not be
            written.
    """
    for template, _ in changes:
        if template.origin.hub is not None:
            raise WriteError(
                "a model on the Hub is not changed in place",
                where=template.origin.place,
                cure="write a copy with `-o DIR`, or open a pull request with `templatefix push`.",
            )
    files = [file for file in prepare(changes) if file.before != file.after]
    for file in files:
        _require_own(file)
    replace_all(files)
    return tuple(file.path for file in files)


def write_to(
    out: str | os.PathLike[str], target: Target, changes: Sequence[Change], *, overwrite: bool = False
) -> Path:
    """Write a patched copy of a target, and leave the target alone.

    Args:
        out (`str` or `os.PathLike`): For a directory, the new directory: it gets the files of the top level
            and of `additional_chat_templates/`. Else a file, or a directory (one that exists, or a name that
            ends with a slash) to put a file of the target's name in.
        target (`str`, `os.PathLike`, `Template` or tokenizer): What was read. Of a model on the Hub, `out` gets
            all that a tokenizer or processor is loaded from. If it is neither that nor a path, `out` gets the text
            of its one template.
        changes (`Sequence[tuple[Template, str]]`): Its templates, and their new texts. Templates that are
            left out stay as they are; only a target that is no path needs its one.
        overwrite (`bool`, *optional*, defaults to `False`): Whether an existing file may be replaced.

    Returns:
        `Path`: The file or directory that was written.

    Raises:
        HubError: The Hub was not reached, or refused.
        SourceError: The target is gone.
        UsageError: `out` does not fit the target, or `changes` do not belong to it.
        WriteError: `out` exists, the target changed since it was read, or writing failed.
    """
    place = os.fspath(out)
    try:
        if hub_id(target) is not None:
            return copy_model(place, changes, {file.path: file for file in prepare(changes)})
        if target == STDIN or not isinstance(target, str | os.PathLike):
            return _write_text(place, changes, overwrite)
        if is_gguf(os.fsdecode(target)):
            return copy_gguf(Path(place), Path(target), changes, overwrite)
        files = {file.path: file for file in prepare(changes)}
        source = Path(os.path.realpath(target))
        if source.is_dir():
            parts = [source, source / Place.ADDITIONAL.value]
            found = [
                each for part in parts if part.is_dir() for each in sorted(part.iterdir()) if each.is_file()
            ]
            return copy_folder(place, source, found, files)
        data = files.pop(source).after if source in files else read_bytes(str(source))
        require_none_left(files)
        return _write_file(_file_in(place, Path(target).name), data, source, overwrite)
    except OSError as error:
        raise failed(error, place) from error


def _write_text(place: str, changes: Sequence[Change], overwrite: bool) -> Path:
    if len(changes) != 1:
        raise UsageError(f"only one template can be written as a file, and there are {len(changes)}")
    [(template, text)] = changes
    data = encode(text, template.label)
    return _write_file(_file_in(place, Place.JINJA.value), data, None, overwrite)


def _file_in(place: str, name: str) -> Path:
    return Path(place, name) if os.path.isdir(place) or place.endswith(("/", os.sep)) else Path(place)


def _write_file(out: Path, data: bytes, source: Path | None, overwrite: bool) -> Path:
    is_json = source is not None and source.suffix.lower() == ".json"
    if is_json != (out.suffix.lower() == ".json"):
        raise UsageError(
            f"the output is {'a JSON file' if is_json else 'the text of a template'}, and its name differs",
            where=str(out),
            cure=f"give it a name that ends with {'.json' if is_json else '.jinja'}.",
        )
    if os.path.lexists(out) and not (overwrite and out.is_file()):
        raise exists(str(out), "name another file, or ask to overwrite." if out.is_file() else "name a file.")
    real = Path(os.path.realpath(out))
    real.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        os.replace(stage(real, data, cleanup, like=real if real.exists() else source), real)
    sync_folder(real.parent)
    return out


def _require_own(file: FileChange) -> None:
    # A snapshot's files are links into `blobs`, whose files are named by the hash of their content and
    # shared by all revisions, or, where there are no links, the only copies: every other program would
    # take a changed one for the original.
    above = file.path.parent
    linked = above.name == "blobs" and (above.parent / "snapshots").is_dir()
    if linked or any(
        each.name == "snapshots" and each.parent.name.startswith("models--") for each in file.path.parents
    ):
        raise WriteError(
            "this file lies in the cache of the Hugging Face Hub, which other programs rely on",
            where=file.label,
            cure="write a copy with `-o OUT`, or download one with `hf download ID --local-dir DIR`.",
        )
