"""Settings that do nothing, and a template that inference will not use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from templatefix.training import causes, faults
from templatefix.training.findings import TrainingFinding
from templatefix.training.reference import conversation, has_conversation, rendered
from templatefix.training.seen import Seen


def of_settings(seen: Seen) -> Iterator[TrainingFinding]:
    """Find settings that do nothing, and a template that is not the one saved.

    Args:
        seen ([`Seen`]): What was seen of the training run.
    """
    setup, settings = seen.setup, seen.setup.settings
    said = []
    if settings.completion_asked and "completion" not in setup.columns:
        said.append(
            ("`completion_only_loss=True` masks nothing: the rows have no `completion`", causes.COMPLETION)
        )
    if settings.formatting and "messages" in setup.columns:
        cure = "SFTTrainer(..., formatting_func=None)  # or dataset.map(..., remove_columns='messages') beforehand"
        said.append(("`formatting_func` is called and its text never used: the rows have `messages`", cure))
    if settings.text_field == "messages":
        cure = "SFTConfig(assistant_only_loss=True, ...)  # this is what masks"
        said.append(
            ("`dataset_text_field='messages'` masks nothing; rows of `messages` are found without it", cure)
        )
    for text, cure in said:
        yield TrainingFinding(faults.NO_EFFECT, text, cure)
    if settings.collator == "DataCollatorForCompletionOnlyLM":
        yield TrainingFinding(faults.REMOVED_COLLATOR, faults.REMOVED_COLLATOR.summary, causes.ASSISTANT_ONLY)
    saved = getattr(setup.tokenizer, "chat_template", None)
    if isinstance(saved, str) and isinstance(setup.template, str) and saved != setup.template:
        yield from _saved(seen, saved)


def _saved(seen: Seen, saved: str) -> Iterator[TrainingFinding]:
    for document in seen.evidence.documents:
        row = seen.setup.row(document.row)
        if isinstance(row, Mapping) and has_conversation(row):
            _, messages = conversation(row)
            used = [
                rendered(seen.setup.tokenizer, source, messages) for source in (seen.setup.template, saved)
            ]
            if used[0] != used[1]:
                said = "labels are made with another template than the tokenizer is saved with, and the texts differ"
                cure = "templatefix.ensure(tokenizer)  # one template for both"
                yield TrainingFinding(faults.OTHER_SAVED, said, cure, document.row, 1, used[1][:200])
                return
