"""From what was seen to findings."""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.training import causes, faults
from templatefix.training.comparing import Deviation, Difference
from templatefix.training.ends import of_ends
from templatefix.training.evidence import Document
from templatefix.training.findings import Fault, TrainingFinding
from templatefix.training.labels import IGNORED, Labels
from templatefix.training.seen import Seen
from templatefix.training.unheeded import of_settings

_FAULTS = {
    Deviation.PROMPT_TRAINED: faults.PROMPT_TRAINED,
    Deviation.HISTORY_TRAINED: faults.HISTORY_TRAINED,
    Deviation.HEADER_TRAINED: faults.HEADER_TRAINED,
    Deviation.AFTER_TRAINED: faults.AFTER_TRAINED,
    Deviation.TURN_UNTRAINED: faults.TURN_UNTRAINED,
    Deviation.PART_UNTRAINED: faults.TURN_UNTRAINED,
    Deviation.STOP_UNTRAINED: faults.STOP_UNTRAINED,
    Deviation.TURN_CUT: faults.TURN_CUT,
    Deviation.OTHER_TEXT: faults.OTHER_TEXT,
}
_SAID = {
    Deviation.PROMPT_TRAINED: "text that the model only reads is trained",
    Deviation.HISTORY_TRAINED: "answers in the prompt are trained",
    Deviation.HEADER_TRAINED: "the role header is trained",
    Deviation.AFTER_TRAINED: "text behind the end of turn is trained",
    Deviation.TURN_UNTRAINED: "a whole answer is not trained",
    Deviation.PART_UNTRAINED: "a part of an answer is not trained",
    Deviation.STOP_UNTRAINED: "the end of turn is not trained",
    Deviation.TURN_CUT: "an answer is cut, and its end of turn is not in the row",
    Deviation.OTHER_TEXT: "the row's tokens are not those that its messages render to",
}
_LONGER = "SFTConfig(max_length=..., ...)  # the longest row of answers that matter"


def findings(seen: Seen) -> tuple[TrainingFinding, ...]:
    """Return what is wrong with a training run, errors first.

    Args:
        seen ([`Seen`]): What was seen.
    """
    found = [
        *_labels(seen),
        *_others(seen),
        *_compared(seen),
        *_targets(seen),
        *_overwritten(seen),
        *of_ends(seen),
        *of_settings(seen),
    ]
    rank = ["error", "warning", "info"]
    return tuple(sorted(found, key=lambda each: (rank.index(each.fault.severity), each.fault.code)))


def _labels(seen: Seen) -> Iterator[TrainingFinding]:
    """One finding for each way in which the labels of rows differ from what they owe."""
    shown: dict[Fault, list[tuple[Document, Difference]]] = {}
    for document in seen.evidence.documents:
        for difference in _own(seen, document):
            shown.setdefault(_FAULTS[difference.kind], []).append((document, difference))
        if _is_fragment(seen, document):
            shown.setdefault(faults.NO_QUESTION, []).append((document, _first_trained(document)))
    for fault, pairs in shown.items():
        document, difference = pairs[0]
        why, cure = causes.of(seen.setup, difference.kind, document, seen.evidence, seen.reference)
        said = f"{_SAID[difference.kind]}: {why}"
        if fault is faults.NO_QUESTION:
            said = "the rest of a conversation that packing cut is trained without what came before"
            cure = "SFTConfig(packing_strategy='bfd', ...)  # or packing=False"
        elif fault is faults.TURN_CUT:
            said, cure = (
                f"{_SAID[difference.kind]}: `max_length` is {seen.setup.settings.max_length}",
                _LONGER,
            )
        elif fault is faults.OTHER_TEXT:
            said, cure = _SAID[difference.kind], "dataset = dataset.remove_columns(['input_ids', 'labels'])"
        rows = len({each.row for each, _ in pairs})
        text = document.text(seen.setup.text_tokenizer, difference)
        yield TrainingFinding(fault, said, cure, document.row, rows, text)


def _own(seen: Seen, document: Document) -> list[Difference]:
    """The differences of a row without those that only follow from another one."""
    differences = [*document.differences]
    if _misplaced(document.labels):
        return []
    if _is_fragment(seen, document):
        first = _first_trained(document)
        return [each for each in differences if each.start != first.start]
    if all(document.labels.supervised):  # header and newline are trained by the same cause
        other = [each for each in differences if each.kind is Deviation.OTHER_TEXT]
        return [*other, *[each for each in differences if each not in other][:1]]
    if document.row in seen.evidence.overwritten:
        follow = (Deviation.HEADER_TRAINED, Deviation.AFTER_TRAINED)
        return [each for each in differences if each.kind not in follow]
    return differences


def _misplaced(labels: Labels) -> list[int]:
    """Where a label is another token than the one that it stands at."""
    return [
        at
        for at, (token, label) in enumerate(zip(labels.ids, labels.labels, strict=True))
        if label not in (IGNORED, token)
    ]


def _others(seen: Seen) -> Iterator[TrainingFinding]:
    """Labels that are other tokens than those that they stand at."""
    found = [each for each in seen.evidence.documents if _misplaced(each.labels)]
    if not found:
        return
    labels, at = found[0].labels, _misplaced(found[0].labels)[0]
    said = f"the label of token {at}, {labels.ids[at]}, is {labels.labels[at]}"
    if labels.labels[at : at + 3] == labels.ids[at + 1 : at + 4]:
        said += ", the next token: models shift labels themselves, and these are shifted already"
    rows = {each.row for each in found} if seen.scanned is None else seen.scanned.other.nonzero()[0]
    cure = "labels = [token if trained else -100 for token, trained in zip(input_ids, mask)]"
    yield TrainingFinding(
        faults.OTHER_LABEL,
        said,
        cure,
        found[0].row,
        len(rows),
        found[0].text(seen.setup.text_tokenizer, Difference(Deviation.OTHER_TEXT, at, at + 8)),
    )


def _is_fragment(seen: Seen, document: Document) -> bool:
    """Whether packing has cut off the beginning of a conversation of which something is trained."""
    if not seen.setup.settings.packing or isinstance(seen.reference, str) or not document.expected:
        return False
    ids, trained, learned = document.labels.ids, document.labels.supervised, seen.reference.learned
    settings = seen.setup.settings
    masked = settings.assistant_only or settings.completion_only or not all(trained)
    return any(trained) and masked and (ids[0] not in learned.begins or learned.lead(ids, 0) > 0)


def _first_trained(document: Document) -> Difference:
    start, end = document.labels.runs[0]
    return Difference(Deviation.PROMPT_TRAINED, start, end)


def _compared(seen: Seen) -> Iterator[TrainingFinding]:
    """Rows whose labels are undecided."""
    unknown = [each for each in seen.evidence.documents if each.reason]
    if unknown:
        rows = len({each.row for each in unknown})
        cure = "templatefix fix --why DIR  # says what stands in the way"
        yield TrainingFinding(faults.NOT_COMPARED, unknown[0].reason, cure, unknown[0].row, rows)


def _targets(seen: Seen) -> Iterator[TrainingFinding]:
    """Rows without a target, and rows that are gone."""
    setup = seen.setup
    empty = (
        seen.scanned.empty
        if seen.scanned
        else [each.row for each in seen.evidence.documents if not any(each.labels.supervised)]
    )
    looked = setup.count if seen.scanned else seen.evidence.rows
    if empty:
        why, cure = "no token of the row is trained", _LONGER
        if setup.settings.packing:
            why = f"packs of `max_length={setup.settings.max_length}` end before the first answer"
        elif seen.scanned is None:
            why = "the collator, which makes the labels, cuts the row before the first answer"
            if setup.settings.max_length is None or isinstance(seen.reference, str):
                why, cure = (
                    "the template from which the collator makes labels marks nothing",
                    causes.ASSISTANT_ONLY,
                )
        text = setup.text_tokenizer.decode(setup.collated([empty[0]])[0].ids[:60])
        said = f"{why} ({len(empty)} of {looked} rows)"
        yield TrainingFinding(faults.NO_TARGET, said, cure, empty[0], len(empty), text)
    if gone := setup.dropped():
        said = f"{len(gone)} of {setup.count + len(gone)} rows were dropped: their answers lie behind `max_length`"
        yield TrainingFinding(faults.ROWS_DROPPED, said, _LONGER, gone[0], len(gone))


def _overwritten(seen: Seen) -> Iterator[TrainingFinding]:
    rows, setup = seen.evidence.overwritten, seen.setup
    if not rows:
        return
    said = f"the labels of {len(rows)} rows are others once {setup.settings.collator} has collated them"
    tokenizer = setup.text_tokenizer
    if seen.evidence.lost and tokenizer.pad_token_id == tokenizer.eos_token_id:
        said += f"; it also masks {tokenizer.eos_token!r} as padding, the token with which answers end"
    why = causes.of_collator(setup)
    yield TrainingFinding(faults.OVERWRITTEN, said, why.cure, rows[0], len(rows))
