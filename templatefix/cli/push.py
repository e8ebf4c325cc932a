"""`templatefix push`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix import schema
from templatefix.cli.exits import Exit
from templatefix.cli.fix import Allow, AsVariant
from templatefix.cli.options import AsFormat, Format, Header, Prefill, Quiet, Turns, hint
from templatefix.model import Policy

Target = Annotated[
    str,
    typer.Argument(help="org/name[@revision] on the Hub, or a local directory or file.", metavar="TARGET"),
]
To = Annotated[
    str | None,
    typer.Option(help="Push there instead; a repository that does not exist is created.", metavar="ORG/NAME"),
]
Branch = Annotated[
    str | None, typer.Option("--revision", help="The branch to push to; main if left out.", metavar="BRANCH")
]
Direct = Annotated[
    bool, typer.Option("--direct/--pr", help="Commit to the branch, or open a pull request (the default).")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, it is only said what would happen.")]
TrainingFile = Annotated[
    str,
    typer.Option(
        help="Leave the templates in use alone, and add the marked one as a file of its own, "
        "such as chat_template_training.jinja.",
        metavar="NAME",
        show_default=False,
    ),
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Where some templates are refused, push the others all the same.")
]
Private = Annotated[bool, typer.Option("--private", help="Make a new repository a private one.")]


def command(
    target: Target,
    to: To = None,
    revision: Branch = None,
    direct: Direct = False,
    yes: Yes = False,
    training_file: TrainingFile = "",
    private: Private = False,
    variant: AsVariant = "same-text",
    allow: Allow = None,
    partial: Partial = False,
    turns: Turns = "all",
    header: Header = "excluded",
    prefill: Prefill = "either",
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
) -> Exit:
    """Open a pull request on the Hub with the patch and its proof; a dry run unless told --yes."""
    from templatefix.report import push as report
    from templatefix.shipping import push

    result = push(
        target,
        to=to,
        revision=revision,
        direct=direct,
        dry_run=not yes,
        training_file=training_file,
        private=private,
        variant=variant,
        allow=allow or (),
        partial=partial,
        policy=Policy(header, prefill, turns=turns),
    )
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.dump(schema.pushed(result)), end="")
    else:
        print(report.write(result), end="")
    for line in report.summary(result):
        hint(line, quiet and result.ok)
    return Exit.FINE if result.ok else Exit.FOUND
