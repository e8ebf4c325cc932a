"""`templatefix audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix import api
from templatefix.cli.exits import Exit
from templatefix.cli.options import (
    AsFormat,
    ExitZero,
    Format,
    Header,
    Prefill,
    Quiet,
    Targets,
    Turns,
    color,
    ended,
    hint,
    read,
    width,
)
from templatefix.model import Policy, Report


def command(
    targets: Targets,
    static: Annotated[
        bool, typer.Option("--static", help="Look at the source alone: render nothing, judge no mask.")
    ] = False,
    turns: Turns = "all",
    header: Header = "excluded",
    prefill: Prefill = "either",
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
) -> Exit:
    """Find faults in generation markers, in the masks they make, and in the template itself."""
    policy = Policy(header, prefill, turns=turns)
    parts = [api.audit_templates(read(target, quiet), render=not static, policy=policy) for target in targets]
    report = Report(
        tuple(template for part in parts for template in part.templates),
        tuple(finding for part in parts for finding in part.findings),
        rendered=not static,
    )
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.write(report), end="")
    else:
        from templatefix.report import text

        print(text.write(report, width=width(), color=color()), end="")
    if static:
        hint("masks were not looked at: --static renders nothing", quiet)
    return ended(Exit.FINE if report.ok else Exit.FOUND, exit_zero)
