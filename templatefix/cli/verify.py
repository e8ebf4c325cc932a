"""`templatefix verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix import api, schema
from templatefix.cli.exits import Exit, of_outcomes
from templatefix.cli.options import AsFormat, ExitZero, Format, Targets, ended
from templatefix.errors import UsageError

Original = Annotated[
    str | None,
    typer.Option(
        help="The template before it was patched: the rendered text must be the same.", metavar="TARGET"
    ),
]


def command(
    targets: Targets, original: Original = None, form: AsFormat = Format.TEXT, exit_zero: ExitZero = False
) -> Exit:
    """Render masks as transformers does, and judge them claim by claim."""
    if original is not None and len(targets) != 1:
        raise UsageError("--original goes with one target", cure="verify one target at a time.")
    before = api.main(api.read(original)) if original is not None else None
    templates = [each for target in targets for each in api.read(target) if each.effective]
    if before is not None:
        templates = [api.main(tuple(templates))]
    judged = [(template, api.verify_template(template, before)) for template in templates]
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.dump(schema.verdicts(judged)), end="")
    else:
        from templatefix.report.verdict import write_verdict

        print("\n".join(write_verdict(template, verdict) for template, verdict in judged), end="")
    return ended(of_outcomes([verdict.outcome for _, verdict in judged]), exit_zero)
