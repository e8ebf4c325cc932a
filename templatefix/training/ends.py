"""What stands at the beginnings and ends of rows."""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.training import faults
from templatefix.training.findings import TrainingFinding
from templatefix.training.reference import has_conversation
from templatefix.training.seen import Seen


def of_ends(seen: Seen) -> Iterator[TrainingFinding]:
    """Find tokens that stand twice at the ends of rows, and a stop that generation does not know.

    Args:
        seen ([`Seen`]): What was seen of the training run.
    """
    setup, tokenizer = seen.setup, seen.setup.text_tokenizer
    if twice := _begun_twice(seen):
        said = f"{len(twice)} rows begin with {tokenizer.bos_token!r} twice"
        cure = "tokenizer(text, add_special_tokens=False)  # the text has one already"
        yield TrainingFinding(faults.TWO_BOS, said, cure, twice[0], len(twice), tokenizer.bos_token * 2)
    if twice := _ended_twice(seen):
        document = next(each for each in seen.evidence.documents if each.row == twice[0])
        said = "TRL has added an end of sequence to texts that close their last turn already"
        cure = "text.rstrip()  # before it goes into the column; better, train on `messages`"
        text = tokenizer.decode(document.labels.ids[-8:])
        yield TrainingFinding(faults.TWO_STOPS, said, cure, twice[0], len(twice), text)
    stops = setup.settings.stops
    known = {*stops, getattr(tokenizer, "eos_token_id", None)}  # trainers give the model the tokenizer's own
    unknown = (
        seen.reference.learned.stops - known if not isinstance(seen.reference, str) and stops else frozenset()
    )
    if unknown:
        named = [
            ", ".join(repr(tokenizer.decode([each])) for each in ids) for ids in (sorted(unknown), stops)
        ]
        said = f"answers end in {named[0]}; generation stops at {named[1]} alone"
        cure = f"model.generation_config.eos_token_id = {sorted({*stops, *unknown})}"
        yield TrainingFinding(faults.NOT_STOPPED, said, cure)


def _begun_twice(seen: Seen) -> list[int]:
    bos = getattr(seen.setup.text_tokenizer, "bos_token_id", None)
    if seen.scanned is None or bos is None:
        return []
    first, second = seen.scanned.ends[:, 0], seen.scanned.ends[:, 1]
    return [int(at) for at in ((first == bos) & (second == bos)).nonzero()[0]]


def _ended_twice(seen: Seen) -> list[int]:
    """Rows that end in an end of sequence right behind another one, or behind the end of turn and a newline."""
    eos = getattr(seen.setup.text_tokenizer, "eos_token_id", None)
    if isinstance(seen.reference, str) or eos is None:
        return []
    found = []
    for document in seen.evidence.documents:
        ids = document.labels.ids
        closed = [
            at
            for at in range(max(0, len(ids) - 4), len(ids) - 1)
            if ids[at] in {*seen.reference.learned.stops, eos}
        ]
        if ids and ids[-1] == eos and closed and not has_conversation(seen.setup.row(document.row)):
            between = seen.setup.text_tokenizer.decode(ids[closed[-1] + 1 : -1])
            found += [document.row] if not between.strip() else []
    return found
