"""`templatefix show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from templatefix import api
from templatefix.cli.exits import Exit
from templatefix.cli.options import TARGET, AsFormat, Format, Quiet, color, hint, read
from templatefix.errors import RefusedError, UsageError
from templatefix.model import Template
from templatefix.probes import Probe

Talk = Annotated[
    str | None,
    typer.Option(help="A JSON file of messages; two short turns if there is none.", metavar="FILE"),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(help="A tokenizer's directory, or org/name; the target's own if none.", metavar="DIR"),
]
Table = Annotated[bool, typer.Option("--tokens", help="Print a line for each token: LOSS or IGNORED.")]
Length = Annotated[
    int | None, typer.Option(min=1, help="Cut the row there, in tokens, as training does.", metavar="N")
]
Start = Annotated[int, typer.Option(min=0, help="The first token of the table.", metavar="N")]
Count = Annotated[int | None, typer.Option(min=1, help="How many tokens of the table.", metavar="N")]


def command(
    target: Annotated[str, typer.Argument(help=TARGET, metavar="TARGET")],
    conversation: Talk = None,
    tokenizer: Tokenizer = None,
    tokens: Table = False,
    max_length: Length = None,
    start: Start = 0,
    count: Count = None,
    form: AsFormat = Format.TEXT,
    quiet: Quiet = False,
) -> Exit:
    """Show which text, or which tokens, of a conversation are trained."""
    from templatefix import sources

    template = _marked(api.main(read(target, quiet)), quiet)
    probe = sources.read_conversation(conversation) if conversation is not None else None
    loaded = _tokenizer(target, tokenizer)
    if loaded is None and (tokens or max_length is not None or form is Format.JSON):
        raise UsageError("tokens need a tokenizer", cure="name a directory that holds one: --tokenizer DIR.")
    if loaded is None:
        from templatefix.report import conversation as written

        print(written.write(_sample(template, probe), color=color()), end="")
        return Exit.FINE
    print(_of_tokens(template, loaded, probe, max_length, (start, count) if tokens else None, form), end="")
    return Exit.FINE


def _marked(template: Template, quiet: bool) -> Template:
    """The template; where it has no markers, as `fix` patches it."""
    from dataclasses import replace

    from templatefix.syntax import is_marked, parse

    if is_marked(parse(template.source, where=template.label).tree):
        return template
    outcome = api.fix_template(template)
    if outcome.refusal is not None:
        raise RefusedError(
            f"the template has no markers, and none are proven: {outcome.reason}",
            where=template.label,
            cure="`templatefix fix --why` says what was tried.",
        )
    hint(f"{template.label}: it has no markers; shown as `templatefix fix` patches it", quiet)
    return replace(template, source=outcome.after)


def _tokenizer(target: str, tokenizer: str | None) -> Any:
    from templatefix.hub import hub_id
    from templatefix.sources import load_tokenizer
    from templatefix.sources.tokenizers import has_tokenizer

    named = tokenizer or (target if has_tokenizer(target) or hub_id(target) is not None else None)
    return load_tokenizer(named) if named is not None else None


def _sample(template: Template, probe: Probe | None) -> list[tuple[str, bool]]:
    if found := api.sample(template, None, probe):
        return found
    raise UsageError(
        "the template raises on this conversation", cure="`templatefix verify` says where and why."
    )


def _of_tokens(
    template: Template,
    tokenizer: Any,
    probe: Probe | None,
    length: int | None,
    page: tuple[int, int | None] | None,
    form: Format,
) -> str:
    from templatefix.report import json_
    from templatefix.training import table
    from templatefix.training.labels import Labels
    from templatefix.training.reference import labelled

    labels = labelled(template, tokenizer, probe)
    labels = Labels(labels.ids[:length], labels.labels[:length])
    if form is Format.JSON:
        return json_.dump(table.plain(labels, tokenizer))
    if page is not None:
        return "\n".join(table.lines(labels, tokenizer, *page)) + "\n"
    return table.show((labels.ids, labels.labels), tokenizer, color=color())
