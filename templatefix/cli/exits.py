"""Exit codes, and the one table by which every error meets the user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from templatefix.errors import (
    DataError,
    RefusedError,
    RegistryError,
    RenderError,
    TemplateFixError,
    UsageError,
)
from templatefix.model import Tri


class Exit(IntEnum):
    """What an exit code says."""

    FINE = 0
    FOUND = 1
    """Findings, a refuted claim, a refusal, or a change that `--check` would make."""
    USAGE = 2
    UNREADABLE = 3
    """The input could not be read, or the output not written."""
    UNDECIDED = 4


_CODES: tuple[tuple[type[TemplateFixError], Exit], ...] = (
    (UsageError, Exit.USAGE),
    (DataError, Exit.FOUND),
    (RegistryError, Exit.USAGE),
    (RefusedError, Exit.FOUND),
    (RenderError, Exit.UNDECIDED),
    (TemplateFixError, Exit.UNREADABLE),
)


def of_outcomes(outcomes: list[Tri]) -> Exit:
    """The exit code of several verdicts: a refuted one outweighs an undecided one."""
    if "fails" in outcomes:
        return Exit.FOUND
    return Exit.UNDECIDED if "undecided" in outcomes else Exit.FINE


def guarded(run: Callable[[], Any]) -> int:
    """Run a command, print its error if it ends in one, and return the exit code."""
    try:
        code = run()
    except TemplateFixError as error:
        print(f"error: {error}", file=sys.stderr)
        return next(code for kind, code in _CODES if isinstance(error, kind))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE
    except Exception as error:
        shown = getattr(error, "show", None)  # typer's own usage errors know how to print themselves
        if shown is None:
            raise
        shown()
        return Exit.USAGE
    return int(code or Exit.FINE)
