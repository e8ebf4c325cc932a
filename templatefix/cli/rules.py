"""`templatefix rules`."""

from __future__ import annotations

from typing import Any

from templatefix.cli.exits import Exit
from templatefix.cli.options import AsFormat, Format


def command(form: AsFormat = Format.TEXT) -> Exit:
    """List the rules of `audit`, and what a preflight can find."""
    from templatefix import rules
    from templatefix.training import faults

    shown: list[Any] = [*rules.ALL, *faults.ALL]
    if form is Format.JSON:
        from templatefix import schema
        from templatefix.report import json_

        keys = ("code", "name", "severity", "summary")
        listed = [{key: str(getattr(each, key)) for key in keys} for each in shown]
        document = {"schema_version": schema.SCHEMA_VERSION, "kind": "rules", "rules": listed}
        print(json_.dump(document), end="")
    else:
        for each in shown:
            print(f"{each.code}  {each.severity:<8} {each.name:<33} {each.summary}")
    return Exit.FINE
