"""New texts to new file contents, checked against the disk; nothing is written here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from templatefix.errors import SourceError, UsageError, WriteError
from templatefix.model import Template, unified_diff
from templatefix.sources.files import decode, is_file, read_bytes
from templatefix.sources.gguf import is_gguf, refuse_in_place
from templatefix.sources.jsontext import lookup, parse, replace_strings

Change = tuple[Template, str]
"""A template as it was read, and its new text."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's content, old and new.

    Args:
        path (`Path`): The real file, symbolic links followed.
        label (`str`): The path by which the target named it.
        before (`bytes`): What is on disk.
        after (`bytes`): What should be; equal to `before` where the new text is the old one.
    """

    path: Path
    label: str
    before: bytes
    after: bytes


def prepare(changes: Sequence[Change]) -> tuple[FileChange, ...]:
    """Work out the new content of every file that `changes` touch, in order of first mention.

    Args:
        changes (`Sequence[tuple[Template, str]]`): Templates that were read from files, and their new texts.

    Raises:
        UsageError: A template comes from no file, or one place is given two different texts.
        WriteError: A file differs from what was read, or the new text cannot be stored in it.
    """
    files: dict[Path, tuple[str, dict[str, Change]]] = {}
    for template, text in changes:
        origin = template.origin
        if not is_file(origin.path):
            raise UsageError(
                "this template was not read from a file, so it cannot be written back",
                where=template.label,
                cure="write it to a new file with `-o OUT`, or set the tokenizer's `chat_template` yourself.",
            )
        _, places = files.setdefault(Path(os.path.realpath(origin.path)), (origin.place, {}))
        if is_gguf(origin.path):
            raise refuse_in_place(origin.path)
        same = places.setdefault(origin.pointer, (template, text))[1] == text
        if not same or ("" in places and len(places) > 1):
            raise UsageError("two different texts are given for one place", where=str(origin))
    return tuple(_prepare(path, label, places) for path, (label, places) in files.items())


def diff(changes: Sequence[Change]) -> str:
    """Return the unified diff of the files that `changes` touch, as they would change on disk.

    A template in JSON is one changed line. A template of no file is shown as its own text.

    Args:
        changes (`Sequence[tuple[Template, str]]`): Templates as read, and their new texts.

    Raises:
        UsageError: One place is given two different texts.
        WriteError: A file differs from what was read, or the new text cannot be stored in it.
    """
    in_files = [change for change in changes if _is_text_file(change[0])]
    pieces = [
        unified_diff(template.source, text, template.label, template.label)
        for template, text in changes
        if not _is_text_file(template)
    ]
    for file in prepare(in_files):
        label = _patch_label(file.label)
        pieces.append(unified_diff(file.before.decode(), file.after.decode(), label, label))
    return "".join(pieces)


def _is_text_file(template: Template) -> bool:
    return is_file(template.origin.path) and not is_gguf(template.origin.path)


def encode(text: str, where: str) -> bytes:
    """Return `text` as UTF-8.

    Raises:
        WriteError: It holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _unfit(where, error) from error


def _prepare(path: Path, label: str, places: Mapping[str, Change]) -> FileChange:
    try:
        before = read_bytes(str(path))
        old = decode(before, label)
        document = {} if "" in places else parse(old, label)
    except SourceError as error:
        raise _stale(label, error.what) from error
    for place, (template, _) in places.items():
        try:
            found = lookup(document, place) if place else old
        except LookupError as error:
            raise _stale(label, f"nothing is at {place} now") from error
        if found != template.source:
            raise _stale(str(template.origin), "its text is another now")
    # The old text again needs no rewriting, however unusually it is escaped.
    texts = {place: text for place, (template, text) in places.items() if text != template.source}
    try:
        new = texts.get("", old) if "" in places else replace_strings(old, texts)
    except ValueError as error:
        raise _unfit(label, error) from error
    return FileChange(path, label, before, encode(new, label))


def _unfit(where: str, error: ValueError) -> WriteError:
    return WriteError(
        f"the new text cannot be stored: {error}",
        where=where,
        cure="the text holds half of a surrogate pair; write the character itself.",
    )


def _stale(where: str, detail: str) -> WriteError:
    return WriteError(
        f"the file has changed on disk since it was read: {detail}",
        where=where,
        cure="run the command again, so that it works on the file as it is now.",
    )


def _patch_label(path: str) -> str:
    """Return `path` so that `patch -p1` finds it from the current directory, or else from `/`."""
    relative = os.path.relpath(path)
    inside = not relative.startswith(os.pardir)
    return Path(relative if inside else os.path.abspath(path)).as_posix().lstrip("/")
