"""`templatefix audit`."""

from __future__ import annotations

from templatefix import api
from templatefix.cli.exits import Exit
from templatefix.cli.options import AsFormat, ExitZero, Format, Targets, color, ended, width
from templatefix.model import Report


def command(targets: Targets, form: AsFormat = Format.TEXT, exit_zero: ExitZero = False) -> Exit:
    """Find faults in generation markers, without rendering anything."""
    parts = [api.audit(target) for target in targets]
    report = Report(
        tuple(template for part in parts for template in part.templates),
        tuple(finding for part in parts for finding in part.findings),
    )
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.write(report), end="")
    else:
        from templatefix.report import text

        print(text.write(report, width=width(), color=color()), end="")
    return ended(Exit.FINE if report.ok else Exit.FOUND, exit_zero)
