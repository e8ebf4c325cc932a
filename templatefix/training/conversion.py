"""Conversations to TRL's prompt and completion: the answer to learn apart from what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from templatefix.errors import DataError
from templatefix.training.messages import (
    MESSAGES,
    Messages,
    column_of,
    is_answer,
    place,
    placeholders,
    read_messages,
    says_something,
)

_OURS = ("prompt", "completion")
_READ_BY_TRL = {
    "chosen": "rows of a preference set are for `DPOTrainer`; drop the column to train on the messages.",
    "rejected": "rows of a preference set are for `DPOTrainer`; drop the column to train on the messages.",
    "input_ids": "drop it: TRL takes such a row for tokenized and would not look at the completion.",
    "labels": "drop it: TRL would keep these labels and not look at the completion.",
    "completion_mask": "drop it: TRL writes a column of that name.",
    "assistant_masks": "drop it: TRL would mask by it as well.",
}
_AMENDED = "drop the messages after the last answer, or the row; nothing is dropped silently."


@overload
def to_prompt_completion(
    example: Mapping[str, Any],
    *,
    every_turn: Literal[False] = False,
    column: str = MESSAGES,
    where: str = "",
) -> dict[str, Any]: ...
@overload
def to_prompt_completion(
    example: Mapping[str, Any],
    *,
    every_turn: Literal[True],
    column: str = MESSAGES,
    where: str = "",
) -> list[dict[str, Any]]: ...
def to_prompt_completion(
    example: Mapping[str, Any],
    *,
    every_turn: bool = False,
    column: str = MESSAGES,
    where: str = "",
) -> dict[str, Any] | list[dict[str, Any]]:
    """Convert a row of `messages` to the `prompt` and `completion` that TRL trains with `completion_only_loss=True`.

    The completion is the last message, which must be the assistant's; all before it is the prompt, earlier answers
    and calls included: they are context then, and not learned. All other columns are kept, and so is their order.
    A row of ShareGPT (`conversations` with `from` and `value`) gets `role` and `content`, as TRL does it; `human`
    becomes `user` and `gpt` becomes `assistant`, which TRL leaves to you.

    With `every_turn` each assistant message becomes the completion of an example of its own, with its history as the
    prompt. This is not the same as training all of them by a mask over one render: many templates strip the reasoning
    of earlier answers once a question follows. In an example of its own an answer is the last message, so that its
    reasoning is rendered and learned, after a history just as inference shows it.

    Args:
        example (`Mapping`): The row; it is not changed.
        every_turn (`bool`): Make an example of each assistant message.
        column (`str`): The column of the messages.
        where (`str`): What to call the row in an error, such as `train.jsonl:12`.

    Returns:
        `dict`, or with `every_turn` a `list[dict]`: The examples.

    Raises:
        DataError: The row does not give a prompt and a completion; names the row, the message, and the cure.
    """
    messages = read_split(example, column, where)
    at = completions(messages, every_turn, where)
    name = column_of(example, column)
    made = [_replaced(example, name, messages[:index], messages[index]) for index in at]
    return made if every_turn else made[0]


def read_split(example: Mapping[str, Any], column: str = MESSAGES, where: str = "") -> Messages:
    """Return the messages of a row whose columns leave room for a prompt and a completion.

    Raises:
        DataError: See [`to_prompt_completion`].
    """
    name = column_of(example, column)
    if name not in example and all(each in example for each in _OURS):
        raise DataError(
            "it has `prompt` and `completion` already",
            where=where,
            cure="train it as it is, with `completion_only_loss=True`.",
        )
    if name in example:
        _require_room(example, name, where)
    return read_messages(example, column, where)


def completions(messages: Messages, every_turn: bool = False, where: str = "") -> tuple[int, ...]:
    """Return the index of each message that becomes a completion.

    Args:
        messages (`Sequence[Mapping]`): The messages of a row.
        every_turn (`bool`): Take each assistant message, not the last alone.
        where (`str`): The row, for the message.

    Raises:
        DataError: See [`to_prompt_completion`].
    """
    last = len(messages) - 1
    if last < 0:
        raise DataError("it has no messages", where=where, cure="drop the row.")
    if not is_answer(messages[last]):
        role = messages[last]["role"]
        raise DataError(
            f"the last message is of {role!r}, not of the assistant",
            where=place(where, last),
            cure=_AMENDED if any(map(is_answer, messages)) else "drop the row: it has no answer to learn.",
        )
    at = tuple(index for index in range(len(messages)) if is_answer(messages[index]))
    at = at if every_turn else at[-1:]
    for index in at:
        _require_prompt(messages[:index], every_turn and last > index, place(where, index))
        _require_lesson(messages[index], every_turn and last > index, place(where, index))
    if every_turn and placeholders(messages[: at[0] + 1]) < placeholders(messages):
        raise DataError(
            "images of later messages stand in one column with those of this answer",
            where=place(where, at[0]),
            cure="put each image into its message, or convert the row without every turn.",
        )
    return at


def _require_room(example: Mapping[str, Any], name: str, where: str) -> None:
    taken = [each for each in (*_OURS, MESSAGES) if each in example and each != name]
    if taken:
        raise DataError(
            f"it has a column `{taken[0]}` besides `{name}`, and nothing is overwritten",
            where=where,
            cure=f"rename or drop one of the two (`dataset.rename_column('{taken[0]}', …)`).",
        )
    for each, cure in _READ_BY_TRL.items():
        if each in example:
            raise DataError(f"it has a column `{each}`, which TRL reads itself", where=where, cure=cure)


def _require_prompt(prompt: Messages, later: bool, where: str) -> None:
    if any(message["role"] not in ("system", "developer", "assistant") for message in prompt):
        return
    what = "no message stands before this answer" if not prompt else "no question stands before this answer"
    if prompt and all(not is_answer(message) for message in prompt):
        what = "nothing but a system message stands before this answer"
    cure = "drop the row, or put the question before it."
    if later:
        cure = "drop the greeting, or convert the row without every turn: then it is part of the prompt."
    raise DataError(f"{what}, so that there is no prompt", where=where, cure=cure)


def _require_lesson(completion: Mapping[str, Any], later: bool, where: str) -> None:
    if says_something(completion):
        return
    raise DataError(
        "the answer is empty: no content, no call, no reasoning; only its end would be learned",
        where=where,
        cure="drop the row, or the empty message." if not later else "drop the empty message, or the row.",
    )


def _replaced(
    example: Mapping[str, Any], column: str, prompt: Messages, completion: Mapping[str, Any]
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in example.items():
        made |= {"prompt": list(prompt), "completion": [completion]} if key == column else {key: value}
    return made
