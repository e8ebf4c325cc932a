"""Patches to the text of their files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from templatefix.registry.patch import Patch

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""What no TOML string may hold as it is."""


def write(patch: Patch, names: Mapping[str, str] | None = None) -> str:
    """Return a patch as TOML, in the form of the files in `patches/`.

    Args:
        patch ([`Patch`]): The patch.
        names (`Mapping[str, str]`, *optional*): A template's name for each hash, written beside it.
    """
    names = names or {}
    models = ", ".join(_line(model) for model in patch.models)
    lines = [
        f"family = {_line(patch.family)}",
        f"models = [{models}]",
        f"why = {_text(patch.why)}",
        "seen = [",
    ]
    for sha in patch.seen:
        comment = " ".join(_CONTROL.sub("", names.get(sha, "")).split())
        lines.append(f"  {_line(sha)}," + (f"  # {comment}" if comment else ""))
    lines.append("]")
    for change in patch.changes:
        lines += ["", "[[changes]]", f"probe = {_line(change.probe)}", f"why = {_line(change.why)}"]
    for anchor in patch.edits:
        lines += ["", "[[edit]]", f"find = {_text(anchor.find)}", f"put = {_text(anchor.put)}"]
    return "\n".join(lines) + "\n"


def _line(value: str) -> str:
    """A basic string in one line."""
    return '"' + _escaped(value).replace("\n", "\\n") + '"'


def _text(value: str) -> str:
    """A literal string of many lines, or one with escapes where a literal cannot say it."""
    if "'''" not in value and not value.endswith("'") and not _CONTROL.search(value):
        return f"'''\n{value}'''"
    return '"""\n' + _escaped(value) + '"""'


def _escaped(value: str) -> str:
    value = value.replace("\\", "\\\\").replace('"', '\\"')
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
