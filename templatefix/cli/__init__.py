"""The command line: each command parses, calls `templatefix.api`, and reports."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        arguments (`list[str]`, *optional*): Words after the program's name; `sys.argv[1:]` if `None`.
    """
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that PyTorch is absent is no news here
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # for files of some kilobytes
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a template's characters may be more than a terminal's
            stream.reconfigure(errors="backslashreplace")
    # A command is short, and its modules and trees live until it ends. Collect rarely, from the first import on, and
    # not at the end.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    from templatefix.cli.app import build
    from templatefix.cli.exits import guarded

    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(guarded(lambda: build(words)(args=words, standalone_mode=False)))
