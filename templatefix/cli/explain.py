"""`templatefix explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix.cli.exits import Exit


def command(
    rule: Annotated[str, typer.Argument(metavar="CODE", help="A code or name of `templatefix rules`.")],
) -> Exit:
    """Say what a rule or a preflight finds, why training suffers, and what to do."""
    from templatefix import rules
    from templatefix.training import faults

    fault = faults.find(rule)
    print(faults.explain(fault) if fault else rules.explain(rule), end="")
    return Exit.FINE
