"""`templatefix convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from templatefix.cli.exits import Exit
from templatefix.cli.options import AsFormat, Format, Quiet, hint, width

if TYPE_CHECKING:
    from templatefix.errors import DataError

NAMED = 10
"""How many refused rows are named where they stop the command."""

Data = Annotated[
    Path,
    typer.Argument(
        help="Conversations: .jsonl, .json, either with .gz, or .parquet (templatefix[data]).",
        metavar="DATA",
    ),
]
Out = Annotated[
    Path, typer.Option("-o", "--output", help="Write this file, .jsonl or .parquet.", metavar="OUT")
]
EveryTurn = Annotated[
    bool,
    typer.Option(
        "--every-turn", help="Make an example of each assistant message, with its history as the prompt."
    ),
]
Skip = Annotated[
    bool,
    typer.Option("--skip-refused", help="Leave out rows that cannot be converted; each is named on stderr."),
]
Column = Annotated[
    str, typer.Option(help="The column of the messages; ShareGPT's conversations is found too.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite OUT; never the input.")]


def command(
    data: Data,
    output: Out,
    every_turn: EveryTurn = False,
    skip_refused: Skip = False,
    column: Column = "messages",
    force: Force = False,
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
) -> Exit:
    """Convert conversations to prompt and completion, and say which of TRL's routes fits them."""
    from templatefix import training
    from templatefix.report import conversion, json_
    from templatefix.report.snippet import visible

    named = 0

    def refused(error: DataError) -> None:
        nonlocal named
        named += 1
        if skip_refused or named <= NAMED:
            hint(visible(f"refused: {error.where}: {error.what}; {error.cure}"))

    done = training.convert_file(
        data,
        output,
        column=column,
        every_turn=every_turn,
        skip_refused=skip_refused,
        force=force,
        refused=refused,
    )
    if not done.output:
        more = f"; {named - NAMED} more are not named" if named > NAMED and not skip_refused else ""
        cure = "no row is left" if not done.converted else "leave them out by --skip-refused"
        hint(f"nothing is written: {done.refused} of {done.rows} rows are refused{more}; {cure}")
    else:
        hint(f"written: {done.output}", quiet)
    if form is Format.JSON:
        print(json_.dump(conversion.conversion(done)), end="")
    else:
        print(conversion.write_conversion(done), end="")
    hint(conversion.write_advice(done.advice, width()).rstrip("\n"), quiet)
    return Exit.FINE if done.output else Exit.FOUND
