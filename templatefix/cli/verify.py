"""`templatefix verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from templatefix import api, schema
from templatefix.cli.exits import Exit, of_outcomes
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
    read,
)
from templatefix.errors import UsageError
from templatefix.inference import engines, lines, notes
from templatefix.model import Policy, Template, Verdict

if TYPE_CHECKING:
    from templatefix.probes import Probe

Original = Annotated[
    str | None,
    typer.Option(
        help="The template before it was patched: the rendered text must be the same.", metavar="TARGET"
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        help="A tokenizer's directory, or org/name: judge the masks of its tokens too.", metavar="DIR"
    ),
]
Talk = Annotated[
    str | None,
    typer.Option(
        help="A JSON file of messages to judge too, and to show with its trained text.", metavar="FILE"
    ),
]
Whitespace = Annotated[
    Literal["excluded", "allowed"],
    typer.Option(help="Whether whitespace after the end of turn may be trained."),
]

Inference = Annotated[
    bool,
    typer.Option(
        "--inference", help="Say which engines of inference stacks, of those installed, reject the template."
    ),
]


def command(
    targets: Targets,
    original: Original = None,
    tokenizer: Tokenizer = None,
    conversation: Talk = None,
    turns: Turns = "all",
    header: Header = "excluded",
    prefill: Prefill = "either",
    whitespace: Whitespace = "allowed",
    inference: Inference = False,
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
) -> Exit:
    """Render masks as transformers does, and judge them claim by claim."""
    if original is not None and len(targets) != 1:
        raise UsageError("--original goes with one target", cure="verify one target at a time.")
    before = api.main(read(original, quiet)) if original is not None else None
    loaded, probe = _load(tokenizer, conversation)
    templates = [each for target in targets for each in read(target, quiet) if each.effective]
    if before is not None:
        templates = [api.main(tuple(templates))]
    policy = Policy(header, prefill, whitespace, turns)
    judged = [
        (each, api.verify_template(each, before, tokenizer=loaded, probe=probe, policy=policy))
        for each in templates
    ]
    checked = [engines(each) for each in templates] if inference else []
    if form is Format.JSON:
        from templatefix.report import json_

        print(json_.dump(schema.verdicts(judged, checked)), end="")
    else:
        print("\n".join(_text(each, verdict, probe, loaded, quiet) for each, verdict in judged), end="")
        for each, found in zip(templates, checked, strict=False):
            print(f"\n{each.label}: inference")
            print("\n".join(f"  {line}" for line in (*lines(found), *notes(found))))
    rejected = any(engine.by_marker for found in checked for engine in found)
    code = of_outcomes([verdict.outcome for _, verdict in judged])
    return ended(Exit.FOUND if rejected and code is Exit.FINE else code, exit_zero)


def _load(tokenizer: str | None, conversation: str | None) -> tuple[Any, Probe | None]:
    from templatefix import sources

    loaded = sources.load_tokenizer(tokenizer) if tokenizer is not None else None
    return loaded, sources.read_conversation(conversation) if conversation is not None else None


def _text(template: Template, verdict: Verdict, probe: Probe | None, tokenizer: Any, quiet: bool) -> str:
    from templatefix.report.verdict import write_verdict

    text = write_verdict(template, verdict)
    if quiet:
        return text
    from templatefix.report import conversation

    sample = api.sample(template, tokenizer, probe)
    if not sample:
        return text
    shown = conversation.write(sample, color=color(), most=None if probe else 24)
    name = probe.name if probe else "a probe of two turns"
    return f"{text}  {name}, trained text in ⟦ ⟧:\n{shown}"
