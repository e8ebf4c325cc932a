"""`templatefix patches`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix import registry
from templatefix.cli.exits import Exit

app = typer.Typer(help="Look at the registry of patches for known families.", no_args_is_help=True)


@app.command("list")
def list_() -> Exit:
    """List the families."""
    for patch in registry.load():
        seen = f"{len(patch.seen)} template{'' if len(patch.seen) == 1 else 's'}"
        print(f"{patch.family:<12} reviewed on {seen}: {', '.join(patch.models)}")
    return Exit.FINE


@app.command()
def show(family: Annotated[str, typer.Argument(help="A family's name.")]) -> Exit:
    """Print the patch file of one family."""
    print(registry.find(family).path.read_text(encoding="utf-8"), end="")
    return Exit.FINE
