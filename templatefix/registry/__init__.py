"""Patches for known families: TOML files of anchored edits, data and never code."""

from templatefix.registry.anchors import anchored
from templatefix.registry.loading import broken, candidates, find, folder, load, misfits
from templatefix.registry.patch import Anchor, Patch, digest
from templatefix.registry.reading import parse, read
from templatefix.registry.writing import write

__all__ = [
    "Anchor",
    "Patch",
    "anchored",
    "broken",
    "candidates",
    "digest",
    "find",
    "folder",
    "load",
    "misfits",
    "parse",
    "read",
    "write",
]
