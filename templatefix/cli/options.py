"""Options and output that several commands share."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from typing import Annotated, Literal

import typer

from templatefix.cli.exits import Exit
from templatefix.model import Template


class Format(StrEnum):
    """Forms of a report."""

    TEXT = "text"
    JSON = "json"


TARGET = (
    "A template file, a tokenizer config, a directory, org/name[@revision] on the Hub, a .gguf file, "
    "or - for standard input."
)
Turns = Annotated[
    Literal["all", "last", "weighted"],
    typer.Option(
        help="Train every turn of the assistant, or only the last message where it is one, "
        "or all but those with weight: 0 or train: false."
    ),
]
Header = Annotated[
    Literal["excluded", "included"], typer.Option(help="Whether the role header is to be trained.")
]
Prefill = Annotated[
    Literal["inside", "outside", "either"],
    typer.Option(help="Where a thinking prefill that only some modes prepend is to stand."),
]
Targets = Annotated[list[str], typer.Argument(help=TARGET, metavar="TARGET...")]
AsFormat = Annotated[Format, typer.Option("--format", help="How to print the result.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress or hints on stderr.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")]


def hint(text: str, quiet: bool = False) -> None:
    """Print a line for people on stderr."""
    if not quiet:
        print(text, file=sys.stderr)


def read(target: str, quiet: bool = False) -> tuple[Template, ...]:
    """Read a target, and say which commit of a model on the Hub it is.

    Args:
        target (`str`): See [`templatefix.read`].
        quiet (`bool`): Say it only where the commit may not be the newest.
    """
    from templatefix import api

    templates = api.read(target)
    file = templates[0].origin.hub
    if file is not None:
        cached = (
            "; the Hub was not reached: this is the last commit that the cache knows" if file.cached else ""
        )
        hint(f"{file.repo}@{file.revision} is {file.sha}{cached}", quiet and not file.cached)
    return templates


def width() -> int:
    """Columns to fill: those of the terminal, within reason."""
    return min(shutil.get_terminal_size((100, 24)).columns, 120)


def color() -> bool:
    """Whether stdout shows colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def ended(code: Exit, exit_zero: bool) -> Exit:
    """The code to exit with."""
    return Exit.FINE if exit_zero else code
