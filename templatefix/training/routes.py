"""Which of TRL's two routes fits some data: told from how many answers its rows have, and from their reasoning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from templatefix.errors import DataError
from templatefix.model import Advice
from templatefix.training.messages import MESSAGES, has_reasoning, is_answer, read_messages

COMPLETION_ONLY = "SFTConfig(completion_only_loss=True)  # on the columns prompt and completion"
ASSISTANT_ONLY = (
    "SFTConfig(assistant_only_loss=True, chat_template_path=…)  # on the column messages; "
    "a template for which `templatefix verify` holds"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a row decides its route.

    Args:
        turns (`int`): How many assistant messages it has; -1 if no messages could be read.
        last (`bool`): Whether the last of them has reasoning.
        earlier (`bool`): Whether one before it has.
    """

    turns: int
    last: bool = False
    earlier: bool = False


def advice(examples: Iterable[Mapping[str, Any]], *, column: str = MESSAGES) -> Advice:
    """Say which route fits the data: `prompt` and `completion`, or `messages` with a template's markers.

    Args:
        examples (`Iterable[Mapping]`): The rows, such as a `datasets.Dataset`. They are counted one by one, not kept.
        column (`str`): The column of the messages.

    Returns:
        [`Advice`]: The route, the reason, and the TRL settings.
    """
    return advise(Counter(shape(example, column) for example in examples))


def shape(example: Mapping[str, Any], column: str = MESSAGES) -> Shape:
    """Return what of a row decides its route; of one that is converted already, only its completion counts."""
    if column not in example and "prompt" in example and "completion" in example:
        if isinstance(example["completion"], str):
            return Shape(1)
        column = "completion"
    try:
        answers = [message for message in read_messages(example, column) if is_answer(message)]
    except DataError:
        return Shape(-1)
    reasoning = [has_reasoning(answer) for answer in answers]
    return Shape(len(answers), any(reasoning[-1:]), any(reasoning[:-1]))


def advise(shapes: Mapping[Shape, int]) -> Advice:
    """Return the advice on rows of which so many have each shape.

    Args:
        shapes (`Mapping[Shape, int]`): How many rows have it.
    """
    rows = sum(shapes.values())
    turns: Counter[int] = Counter()
    for each, count in shapes.items():
        turns[each.turns] += count
    unread = turns.pop(-1, 0)
    several = {each: count for each, count in shapes.items() if each.turns > 1}
    multi = sum(several.values())
    last_alone = sum(count for each, count in several.items() if each.last and not each.earlier)
    reasoned = sum(count for each, count in several.items() if each.earlier)

    def found(kind: Any, reason: str, every_turn: bool = False) -> Advice:
        route: Any = "messages" if kind == "multi-turn" and not every_turn else "prompt-completion"
        settings = ASSISTANT_ONLY if route == "messages" else COMPLETION_ONLY
        pairs = tuple(sorted(turns.items()))
        return Advice(rows, pairs, unread, kind, route, every_turn, reason + _silent(turns[0]), settings)

    answers = sum(each * count for each, count in turns.items())
    if not answers:
        return found("single-turn", "no row has an assistant message, so that there is nothing to learn.")
    if not multi:
        reason = (
            "no row has more than one assistant message, and a completion needs no markers in the template."
        )
        return found("single-turn", reason)
    if 2 * last_alone > multi:
        reason = (
            f"of {_rows(multi)} with several assistant messages, {last_alone} with reasoning in the last one alone: "
            "the earlier ones are a history whose reasoning was stripped, and to learn them is to learn not to reason."
        )
        return found("last-turn", reason)
    if reasoned:
        reason = (
            f"{_rows(reasoned)} with reasoning in an answer before the last one. Most templates strip "
            "it once a question follows, so that a mask over one render trains those answers without it; as an example "
            "of its own (every turn) each keeps its reasoning, after a history as inference shows it."
        )
        return found("multi-turn", reason, every_turn=True)
    reason = (
        f"of {_rows(rows)}, {multi} with several assistant messages; {answers} such messages in all. Where the "
        "template's markers hold, one pass over a conversation trains each of them; where they do not, make each an "
        "example of its own (every turn). A conversion of the last message alone leaves the others unlearned."
    )
    return found("multi-turn", reason)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _silent(count: int) -> str:
    if not count:
        return ""
    return f" {_rows(count)} without an assistant message: TRL raises on them with `assistant_only_loss`; drop them."
