"""References to templates and back: files, JSON, model directories, standard input, tokenizers."""

from templatefix.sources.changes import Change, FileChange, diff, prepare
from templatefix.sources.reading import Target, read
from templatefix.sources.writing import write_back, write_to

__all__ = ["Change", "FileChange", "Target", "diff", "prepare", "read", "write_back", "write_to"]
