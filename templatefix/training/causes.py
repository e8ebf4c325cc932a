"""By which setting labels go wrong, and what to write instead."""

from __future__ import annotations

from typing import NamedTuple

from templatefix.syntax import is_marked, parse
from templatefix.training.comparing import Deviation
from templatefix.training.evidence import Document, Evidence
from templatefix.training.reference import Reference
from templatefix.training.setup import Setup

ASSISTANT_ONLY = (
    "templatefix.ensure(tokenizer)  # before the trainer is made\nSFTConfig(assistant_only_loss=True, ...)"
)
COMPLETION = (
    "dataset = dataset.map(templatefix.training.to_prompt_completion, remove_columns='messages')\n"
    "SFTConfig(completion_only_loss=True, ...)"
)


class Cause(NamedTuple):
    """Why labels are as they are, in a clause, and the cure as code."""

    why: str
    cure: str


def of(
    setup: Setup, kind: Deviation, document: Document, evidence: Evidence, reference: Reference | str
) -> Cause:
    """Return the cause of a deviation.

    Args:
        setup ([`Setup`]): The training run.
        kind ([`Deviation`]): What is wrong.
        document ([`Document`]): Where it was seen.
        evidence ([`Evidence`]): What else was seen.
        reference ([`Reference`] or `str`): What the row was compared with.
    """
    settings = setup.settings
    whole = all(document.labels.supervised)
    if document.row in evidence.overwritten:
        return of_collator(setup)
    if kind is Deviation.PROMPT_TRAINED and whole and not _by_markers(setup, reference):
        return _everything(setup)
    if kind is Deviation.HISTORY_TRAINED and not settings.completion_only:
        return Cause(
            "`completion_only_loss=False`, so nothing says where the completion begins",
            "SFTConfig(completion_only_loss=True, ...)",
        )
    if kind is Deviation.AFTER_TRAINED and settings.completion_only:
        return Cause(
            "a completion is all that the template prints behind the prompt",
            f"{ASSISTANT_ONLY}  # beside completion_only_loss=True: both masks then have to agree",
        )
    if settings.assistant_only:
        return Cause(
            "the markers of the chat template", "templatefix.ensure(tokenizer)  # before the trainer is made"
        )
    return Cause("the labels that the rows hold", ASSISTANT_ONLY)


def _by_markers(setup: Setup, reference: Reference | str) -> bool:
    """Whether wrong markers of the template can be what makes the labels."""
    marked = isinstance(setup.template, str) and is_marked(parse(setup.template).tree)
    correct = not isinstance(reference, str) and reference.outcome.after == setup.template
    return setup.settings.assistant_only and marked and not correct


def of_collator(setup: Setup) -> Cause:
    """Return why a collator changes labels."""
    cure = "SFTTrainer(..., data_collator=None)  # TRL's own keeps the labels"
    if not setup.settings.trl:
        cure = "Trainer(..., data_collator=DataCollatorForSeq2Seq(tokenizer))"
    return Cause(f"the collator, {setup.settings.collator}, makes labels of its own", cure)


def _everything(setup: Setup) -> Cause:
    """Why every token of a row is trained."""
    settings, columns = setup.settings, setup.columns
    if settings.formatting:
        return Cause(
            "`formatting_func` makes one text of a row, and nothing in it says who spoke", _routes(columns)
        )
    if settings.skipped:
        return Cause(
            "`skip_prepare_dataset=True`: no labels are made, and the collator takes every token",
            "SFTConfig(dataset_kwargs=None, ...)  # let TRL prepare rows of `messages` alone",
        )
    if settings.assistant_only and "messages" in columns:
        return Cause(
            "the rows came with `input_ids`: TRL then makes no assistant mask, whatever is set",
            "dataset = dataset.remove_columns('input_ids')  # TRL tokenizes `messages` itself",
        )
    if "messages" in columns:
        unset = "`completion_only_loss=True` masks nothing, for `messages` have no completion"
        why = unset if settings.completion_asked else "`assistant_only_loss` is not set"
        return Cause(why, ASSISTANT_ONLY)
    if "completion" in columns:
        return Cause("`completion_only_loss=False`", "SFTConfig(completion_only_loss=True, ...)")
    if not settings.trl:
        return Cause("the rows, or the collator, make labels of all ids", "labels[:prompt_length] = -100")
    return Cause("the rows are text or ids, and nothing in them says who spoke", _routes(columns))


def _routes(columns: tuple[str, ...]) -> str:
    lead = "" if "messages" in columns else "# keep the rows as `messages`, or as `prompt` and `completion`\n"
    return f"{lead}{ASSISTANT_ONLY}"
