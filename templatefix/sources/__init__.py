"""References to templates and back: files, JSON, model directories, standard input, tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templatefix.lazy import importer

if TYPE_CHECKING:
    from templatefix.sources.changes import Change, FileChange, diff, prepare
    from templatefix.sources.conversations import read_conversation
    from templatefix.sources.copying import loadable
    from templatefix.sources.files import read_bytes
    from templatefix.sources.reading import Target, read
    from templatefix.sources.tokenizers import load_tokenizer
    from templatefix.sources.writing import write_back, write_to

_HOMES = {
    "templatefix.sources.changes": ("Change", "FileChange", "diff", "prepare"),
    "templatefix.sources.conversations": ("read_conversation",),
    "templatefix.sources.copying": ("loadable",),
    "templatefix.sources.files": ("read_bytes",),
    "templatefix.sources.reading": ("Target", "read"),
    "templatefix.sources.tokenizers": ("load_tokenizer",),
    "templatefix.sources.writing": ("write_back", "write_to"),
}

__all__ = [
    "Change",
    "FileChange",
    "Target",
    "diff",
    "load_tokenizer",
    "loadable",
    "prepare",
    "read",
    "read_bytes",
    "read_conversation",
    "write_back",
    "write_to",
]

__getattr__ = importer(__name__, _HOMES)
