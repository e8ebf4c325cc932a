"""What a conversion of training data came to, and which route of TRL fits the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["single-turn", "multi-turn", "last-turn"]
Route = Literal["prompt-completion", "messages"]


@dataclass(frozen=True, slots=True)
class Advice:
    """Which of TRL's two routes to a loss on answers alone fits some data, and why.

    Args:
        rows (`int`): How many rows were looked at.
        turns (`tuple[tuple[int, int], ...]`): Pairs of a number of assistant messages, and of how many rows have it.
        unread (`int`): Rows in which no messages could be read.
        kind (`str`): `single-turn` (one answer a row), `multi-turn` (each of several is to be learned), or `last-turn`
            (of several, only the last is what the model is to write).
        route (`str`): `prompt-completion` or `messages`.
        every_turn (`bool`): Whether each assistant message is to become an example of its own on that route.
        reason (`str`): Why.
        settings (`str`): The TRL settings, as code.
    """

    rows: int
    turns: tuple[tuple[int, int], ...]
    unread: int
    kind: Kind
    route: Route
    every_turn: bool
    reason: str
    settings: str

    @property
    def answers(self) -> int:
        """How many assistant messages there are in all rows."""
        return sum(turns * rows for turns, rows in self.turns)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not converted.

    Args:
        where (`str`): The file, the row, and the message.
        what (`str`): What stands in the way.
        cure (`str`): What to do about it.
    """

    where: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a file of conversations.

    Args:
        source (`str`): The file that was read.
        output (`str`): The file that was written; empty if nothing was.
        rows (`int`): Rows read; always those converted and those refused together.
        converted (`int`): Rows of which examples were made.
        refused (`int`): Rows of which none was made.
        examples (`int`): Examples made: one for each converted row, or for each of its assistant messages.
        every_turn (`bool`): Whether each assistant message was made an example.
        refusals (`tuple[Refused, ...]`): The first of the rows refused.
        advice (`Advice`): Which route fits the data.
    """

    source: str
    output: str
    rows: int
    converted: int
    refused: int
    examples: int
    every_turn: bool
    refusals: tuple[Refused, ...]
    advice: Advice
