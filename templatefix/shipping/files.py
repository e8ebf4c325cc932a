"""From evidence to the exact bytes of a commit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from templatefix import sources
from templatefix.errors import SourceError, UsageError
from templatefix.model import Evidence, PushedFile, Template
from templatefix.sources.changes import encode

_OWN_FILE = re.compile(r"[\w.-]+\.jinja")
_ADDITIONAL = "additional_chat_templates"
_POINTER = b"version https://git-lfs.github.com/spec/"


def in_place(evidence: Sequence[Evidence], head: Sequence[Template]) -> tuple[PushedFile, ...]:
    """Put each text where it is in use at the commit that ours will follow.

    Args:
        evidence (`Sequence[Evidence]`): The texts.
        head (`Sequence[Template]`): The templates of that commit.

    Returns:
        `tuple[PushedFile, ...]`: The files that change.

    Raises:
        UsageError: The commit has no such place.
        WriteError: The bytes would not hold exactly the text that was judged.
    """
    places = {place(each): each for each in head}
    changes = []
    for one in evidence:
        if (there := places.get(place(one.template))) is None:
            raise UsageError(
                "the open pull request has no template at this place",
                where=one.template.label,
                cure="close it, and run the command again: it opens another.",
            )
        changes.append((there, one.after))
    found = []
    for name, group in groupby(
        sorted(changes, key=lambda change: place(change[0])), lambda c: place(c[0])[0]
    ):
        [file] = sources.prepare(list(group))
        if file.before != file.after:
            found.append(PushedFile(name, file.before, file.after))
    return tuple(found)


def of_its_own(evidence: Evidence, name: str, before: bytes | None) -> tuple[PushedFile, ...]:
    """Put a text into a file that no loader looks at.

    Args:
        evidence (`Evidence`): The main template's.
        name (`str`): The file.
        before (`bytes`, *optional*): What it holds now.

    Raises:
        UsageError: The name is not that of such a file.
        WriteError: The text is none that a file of UTF-8 can hold.
    """
    check_name(name)
    after = encode(evidence.after, name)
    return () if before == after else (PushedFile(name, before, after),)


def check_name(name: str) -> None:
    """Check the name of a file for training alone.

    Raises:
        UsageError: Loaders would take it for the template in use, or it is no name of a .jinja file.
    """
    if not _OWN_FILE.fullmatch(name) or name == "chat_template.jinja":
        raise UsageError(
            "this is no name for a template that is used in training alone",
            where=name,
            cure="take chat_template_training.jinja: at the top level, and not chat_template.jinja itself.",
        )


def whole_model(evidence: Sequence[Evidence], target: str) -> tuple[PushedFile, ...]:
    """Collect all that a tokenizer is loaded from, patched where it is to be.

    Args:
        evidence (`Sequence[Evidence]`): The texts, of the target's own templates.
        target (`str`): A directory, or a model on the Hub.

    Raises:
        SourceError: One of the files is only a pointer to it.
        UsageError: The target is neither.
    """
    changed = {
        file.path: file.after for file in sources.prepare([(each.template, each.after) for each in evidence])
    }
    folder, names = sources.loadable(target, evidence[0].template)
    return tuple(PushedFile(name, None, _content(Path(folder, name), changed)) for name in names)


def _content(path: Path, changed: dict[Path, bytes]) -> bytes:
    real = path.resolve()
    data = changed[real] if real in changed else real.read_bytes()
    if data.startswith(_POINTER):
        raise SourceError(
            "this is a Git LFS pointer, not the file itself",
            where=str(path),
            cure="run `git lfs pull` there.",
        )
    return data


def place(template: Template) -> tuple[str, str]:
    """Return the file that a template is in, as a repository would name it, and the place in that."""
    origin = template.origin
    if origin.hub:
        return origin.hub.name, origin.pointer
    parts = Path(origin.path).parts
    return "/".join(parts[-2:] if parts[-2:-1] == (_ADDITIONAL,) else parts[-1:]), origin.pointer
