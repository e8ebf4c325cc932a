"""References to templates and back: files, JSON, model directories, standard input, tokenizers."""

from templatefix.sources.changes import Change, FileChange, diff, prepare
from templatefix.sources.conversations import read_conversation
from templatefix.sources.copying import loadable
from templatefix.sources.files import read_bytes
from templatefix.sources.reading import Target, read
from templatefix.sources.tokenizers import load_tokenizer
from templatefix.sources.writing import write_back, write_to

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
