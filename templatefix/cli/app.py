"""The command tree, built as far as it is needed: typer prepares every parameter of every command it is given."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

COMMANDS = (
    "audit",
    "verify",
    "fix",
    "strip",
    "push",
    "show",
    "convert",
    "rules",
    "explain",
    "demo",
    "patches",
)
"""One thin module of this package each: its `command`, or its `app` for a group."""


def _version(asked: bool) -> None:
    if asked:
        from templatefix import __version__

        typer.echo(f"templatefix {__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def build(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line, with just the command that `arguments` name if they begin with one.

    Args:
        arguments (`Sequence[str]`): The words after the program's name.
    """
    app = typer.Typer(
        name="templatefix",
        help="Audit, patch and prove the generation markers of chat templates before you train.",
        epilog="Exit codes: 0 fine; 1 findings, refuted or refused; 2 usage; 3 unreadable input; 4 undecided.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for name in arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS:
        module = import_module(f"templatefix.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    return app
