"""The command tree."""

from __future__ import annotations

import typer

from templatefix.cli import audit, demo, explain, fix, patches, rules, strip, verify

app = typer.Typer(
    name="templatefix",
    help="Audit, patch and prove the generation markers of chat templates before you train.",
    epilog="Exit codes: 0 fine; 1 findings, refuted or refused; 2 usage; 3 unreadable input; 4 undecided.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from templatefix import __version__

        typer.echo(f"templatefix {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


for _module in (audit, verify, fix, strip, rules, explain, demo):
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name)(_module.command)
app.add_typer(patches.app, name="patches")
