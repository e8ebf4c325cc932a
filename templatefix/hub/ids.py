"""`org/name[@revision]`, told apart from a path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_FORM = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?")
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


def hub_id(target: object) -> HubId | None:
    """Return the model that a target names, or `None` where it is a path or anything else.

    Args:
        target (`object`): A target. What exists on disk, or lies in a directory that does, is a path.
    """
    if not isinstance(target, str) or os.path.exists(target) or target.lower().endswith(_FILE_SUFFIXES):
        return None
    found = _FORM.fullmatch(target)
    if found is None or os.path.isdir(target.partition("/")[0]):
        return None
    return HubId(found[1], found[2] or "main")
