"""`templatefix patches`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from templatefix import registry
from templatefix.cli.exits import Exit
from templatefix.cli.options import TARGET, hint
from templatefix.errors import UsageError, WriteError

app = typer.Typer(
    help="Look at the registry of patches for known families, and add to it.", no_args_is_help=True
)

Files = Annotated[list[str], typer.Argument(help=TARGET, metavar="FILE...")]
Out = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the patch file here.", metavar="FILE")
]
Family = Annotated[str | None, typer.Option(help="Its name; that of the file if left out.", metavar="NAME")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A Hub id it is for, * for any part; may be repeated.", metavar="ID"),
]
Why = Annotated[str, typer.Option(help="What is particular in this family's template.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="The first template, patched by hand.", metavar="PATCHED"),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]


@app.command("list")
def list_() -> Exit:
    """List the families; exit with 1 if a patch file is broken."""
    patches = registry.load()
    width = max((len(patch.family) for patch in patches), default=0)
    for patch in patches:
        seen = f"{len(patch.seen)} template{'' if len(patch.seen) == 1 else 's'}"
        unsafe = ", for --variant training" if patch.changes else ""
        print(f"{patch.family:<{width}} reviewed on {seen}{unsafe}: {', '.join(patch.models)}")
    for error in registry.broken():
        print(f"broken: {error}")
    return Exit.FOUND if registry.broken() else Exit.FINE


@app.command()
def show(family: Annotated[str, typer.Argument(help="A family's name.")]) -> Exit:
    """Print the patch file of one family."""
    print(registry.find(family).path.read_text(encoding="utf-8"), end="")
    return Exit.FINE


@app.command()
def new(
    files: Files,
    output: Out = None,
    family: Family = None,
    models: Models = None,
    why: Why = "",
    patched: From = None,
    force: Force = False,
) -> Exit:
    """Write a patch file from templates without markers, and prove it on each of them."""
    from templatefix import api
    from templatefix.contributing import contribute
    from templatefix.report.verdict import write_outcome

    if output is not None and output.suffix != ".toml":
        raise UsageError("a patch file is called <family>.toml", where=str(output))
    if output is not None and output.exists() and not force:
        raise UsageError("there is such a file already", where=str(output), cure="overwrite it by --force.")
    named = output.stem if output else Path(files[0]).stem
    made = contribute(
        [api.main(api.read(file)) for file in files],
        family or named,
        patched=api.main(api.read(patched)) if patched is not None else None,
        models=models or (),
        why=why,
    )
    for outcome in made.outcomes:
        hint(write_outcome(outcome).rstrip("\n"))
    if output is None:
        print(made.text, end="")
        return Exit.FINE
    if output.stem != made.patch.family:
        cure = f"write it to {made.patch.family}.toml."
        raise UsageError("the file's name is not the family's", where=str(output), cure=cure)
    try:
        output.write_text(made.text, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"the file cannot be written: {error.strerror}", where=str(output)) from error
    hint(f"written: {output}")
    return Exit.FINE
