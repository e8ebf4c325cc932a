"""`templatefix fix`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from templatefix import api, schema
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
    ended,
    hint,
    read,
    width,
)
from templatefix.errors import UsageError
from templatefix.model import Allowance, Outcome, Policy, RefusalKind, Template

Change = tuple[Template, str]

Diff = Annotated[bool, typer.Option("--diff", help="Print the diff and write nothing (the default).")]
Check = Annotated[
    bool, typer.Option("--check", help="Only say what would change; exit with 1 if anything would.")
]
InPlace = Annotated[bool, typer.Option("--in-place", help="Write the patch to where the template came from.")]
Why = Annotated[
    bool,
    typer.Option(
        "--why", help="Say at length what was tried and what stood in the way, in place of the diff."
    ),
]
Allow = Annotated[
    list[Allowance] | None,
    typer.Option(
        help="As a last resort, mark by the header's text in all that is printed; users may type it too.",
        metavar="capture-all",
    ),
]
AsVariant = Annotated[
    Literal["same-text", "training"],
    typer.Option(
        help="Keep the rendered text, or take a patch that changes it, as it declares, for training."
    ),
]
Out = Annotated[Path | None, typer.Option("-o", "--output", help="Write a patched copy of the target here.")]


def command(
    targets: Targets,
    diff: Diff = False,
    check: Check = False,
    in_place: InPlace = False,
    output: Out = None,
    why: Why = False,
    variant: AsVariant = "same-text",
    allow: Allow = None,
    turns: Turns = "all",
    header: Header = "excluded",
    prefill: Prefill = "either",
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
) -> Exit:
    """Put the right markers into chat templates, each patch proven before it is shown."""
    if sum([diff, check, in_place, output is not None]) > 1:
        raise UsageError("--diff, --check, --in-place and -o exclude each other", cure="choose one of them.")
    if output is not None and len(targets) != 1:
        raise UsageError("-o goes with one target", cure="fix one target at a time.")
    show = partial(_show, check=check, why=why, form=form, quiet=quiet)
    templates = [each for target in targets for each in read(target, quiet) if each.effective]
    _warn(templates)
    fixed = partial(
        api.fix_template,
        variant=variant,
        allow=allow or (),
        policy=Policy(header, prefill, turns=turns),
    )
    outcomes = [show(fixed(each)) for each in templates]
    changes = [(each.template, each.after) for each in outcomes if each.status == "patched"]
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.dump(schema.outcomes(outcomes)), end="")
    elif not (check or why or in_place or output):
        print("".join(outcome.diff() for outcome in outcomes), end="")
    _ship(targets, changes, in_place=in_place, output=output)
    if check and form is Format.TEXT:
        from templatefix.report.verdict import write_counts

        print(write_counts(outcomes), end="")
    return ended(_code(outcomes, changed=check and bool(changes)), exit_zero)


def _warn(templates: list[Template]) -> None:
    """Say which patch files cannot serve; the others do."""
    from templatefix import registry

    for error in [*registry.broken(), *(each for one in templates for each in registry.misfits(one.source))]:
        hint(f"warning: {error}")


def _code(outcomes: list[Outcome], *, changed: bool) -> Exit:
    if any(each.refusal and each.refusal.kind is RefusalKind.DOES_NOT_PARSE for each in outcomes):
        return Exit.UNREADABLE
    refused = any(each.status == "refused" for each in outcomes)
    return Exit.FOUND if refused or changed else Exit.FINE


def _show(outcome: Outcome, *, check: bool, why: bool, form: Format, quiet: bool) -> Outcome:
    if form is Format.TEXT and why:
        from templatefix.report.why import write_why

        print(write_why(outcome, width=width()), flush=True)
    elif form is Format.TEXT:
        from templatefix.report.verdict import write_outcome

        line = write_outcome(outcome)
        if check:
            print(line, end="", flush=True)
        else:
            hint(line.rstrip("\n"), quiet and outcome.status != "refused")
    return outcome


def _ship(targets: list[str], changes: list[Change], *, in_place: bool, output: Path | None) -> None:
    from templatefix import sources

    if output is not None:
        done = (
            f"written: {sources.write_to(output, targets[0], changes)}" if changes else "nothing is written"
        )
        hint(done)
    elif in_place:
        for path in sources.write_back(changes):
            hint(f"written: {path}")
