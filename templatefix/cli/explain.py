"""`templatefix explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from templatefix.cli.exits import Exit


def command(rule: Annotated[str, typer.Argument(metavar="CODE", help="A rule's code or name.")]) -> Exit:
    """Say what a rule finds, why training suffers, and what to do."""
    from templatefix import rules

    print(rules.explain(rule), end="")
    return Exit.FINE
