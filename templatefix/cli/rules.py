"""`templatefix rules`."""

from __future__ import annotations

from templatefix.cli.exits import Exit
from templatefix.cli.options import AsFormat, Format


def command(form: AsFormat = Format.TEXT) -> Exit:
    """List the rules of `audit`."""
    from templatefix import rules

    if form is Format.JSON:
        from templatefix import schema
        from templatefix.report import json_

        keys = ("code", "name", "severity", "summary")
        listed = [{key: str(getattr(rule, key)) for key in keys} for rule in rules.ALL]
        document = {"schema_version": schema.SCHEMA_VERSION, "kind": "rules", "rules": listed}
        print(json_.dump(document), end="")
    else:
        for rule in rules.ALL:
            print(f"{rule.code}  {rule.severity:<8} {rule.name:<33} {rule.summary}")
    return Exit.FINE
