"""What to know before `trainer.train()`: six questions, each answered by what was measured."""

from __future__ import annotations

from templatefix.training.comparing import offset
from templatefix.training.evidence import Document
from templatefix.training.seen import Seen

_SHOWN = 300


def checklist(seen: Seen) -> tuple[str, ...]:
    """Return the checklist's lines.

    Args:
        seen ([`Seen`]): What was seen of the training run.
    """
    return (_answers(seen), _markers(seen), _collator(seen), _settings(seen), *_sample(seen), _rows(seen))


def _answers(seen: Seen) -> str:
    documents = [each for each in seen.evidence.documents if each.expected]
    answers = [each for document in documents for each in _trained(document)]
    mode = "every assistant turn" if seen.setup.settings.assistant_only else "what the labels hold"
    if seen.setup.settings.completion_only and "completion" in seen.setup.columns:
        mode = "the completion"
    return f"1. trained: {mode}; {sum(answers)} of {len(answers)} answers in {len(documents)} conversations"


def _trained(document: Document) -> list[bool]:
    """Whether something of each answer of a conversation is trained."""
    if document.expected is None:
        return []
    cut = offset(document.labels.ids, document.expected.ids) or 0
    bits = document.labels.supervised
    return [any(bits[max(0, start - cut) : max(0, end - cut)]) for start, end in document.expected.spans]


def _markers(seen: Seen) -> str:
    if isinstance(seen.reference, str):
        return f"2. markers: undecided, {seen.reference}"
    outcome = seen.reference.outcome
    own = (
        "the template's own hold"
        if outcome.status == "correct"
        else f"compared with a patch ({outcome.method})"
    )
    return f"2. markers: {own}; {len(outcome.verdict.checks)} checks"


def _collator(seen: Seen) -> str:
    kept = seen.evidence.rows - len(seen.evidence.overwritten)
    return (
        f"3. collator: {seen.setup.settings.collator} keeps the labels of {kept} of {seen.evidence.rows} rows"
    )


def _settings(seen: Seen) -> str:
    settings = seen.setup.settings
    shown = {
        "assistant_only_loss": settings.assistant_only,
        "completion_only_loss": settings.completion_only,
        "max_length": settings.max_length,
        "packing": settings.packing or False,
    }
    text = ", ".join(f"{name}={value}" for name, value in shown.items())
    return f"4. settings: {text if settings.trl else 'none of TRL'}; columns {', '.join(seen.setup.columns)}"


def _sample(seen: Seen) -> tuple[str, ...]:
    document = next((each for each in seen.evidence.documents if any(each.labels.supervised)), None)
    if document is None:
        return ("5. a row: nothing of it is trained",)
    total, ignored, trained = document.labels.counts()
    texts = [text for text, on in document.labels.texts(seen.setup.text_tokenizer) if on]
    shown = " … ".join(map(repr, texts))
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return (f"5. row {document.row}: {total} tokens, {ignored} ignored, {trained} supervised: {shown}",)


def _rows(seen: Seen) -> str:
    setup, scanned = seen.setup, seen.scanned
    count = f"{'the first ' if setup.streamed else ''}{setup.count} rows"
    if scanned is None:
        return f"6. rows: {count}; labels are made per batch"
    whole = setup.count - len(scanned.empty)
    tokens, trained = int(scanned.lengths.sum()), int(scanned.trained.sum())
    share = 100 * trained / tokens if tokens else 0.0
    return (
        f"6. rows: {whole} of {count} have a target, {len(setup.dropped())} were dropped; "
        f"{trained} of {tokens} tokens are supervised ({share:.1f} %)"
    )
