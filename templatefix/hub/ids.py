"""`org/name[@revision]`, told apart from a path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_FORM = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?")
_SCHEME = "hf://"
_FILE_SUFFIXES = (".jinja", ".jinja2", ".j2", ".json", ".txt", ".gguf")


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on the Hub.

    Args:
        repo (`str`): `org/name`.
        revision (`str`): A branch, a tag, a commit, or `refs/pr/N`.
    """

    repo: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def parse_id(text: str) -> HubId | None:
    """Return the model that a text names, or `None` if it has not the form of one.

    Args:
        text (`str`): `org/name`, `org/name@revision`, or either after `hf://`.
    """
    found = _FORM.fullmatch(text.removeprefix(_SCHEME))
    return HubId(found[1], found[2] or "main") if found else None


def hub_id(target: object) -> HubId | None:
    """Return the model that a target names, or `None` where it is a path or anything else.

    Args:
        target (`object`): A target. What exists on disk, or lies in a directory that does, is a path, unless it
            begins with `hf://`.
    """
    if isinstance(target, HubId):
        return target
    if not isinstance(target, str):
        return None
    is_path = target.lower().endswith(_FILE_SUFFIXES) or os.path.isdir(target.partition("/")[0])
    if not target.startswith(_SCHEME) and (is_path or os.path.exists(target)):
        return None
    return parse_id(target)
