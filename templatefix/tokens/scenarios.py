"""Conversations on which masks of tokens have gone wrong, to run a user's own template and tokenizer on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from templatefix.model import Conversation, Message

_UPGRADE = "train with transformers 5.24 or later"
_ADDED = "end each span in an end of turn that is one added token of this tokenizer"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Conversations that bring out one fault, and how they are tokenized."""

    name: str
    when: str
    cure: str
    conversations: tuple[Conversation, ...]
    side: Literal["", "left", "right"] = ""
    """Where to pad a batch, or to cut a single conversation."""


def _said(*texts: str, first: str = "user") -> list[Message]:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


TWO_TURNS = _said("Where does thistledown grow?", "On the moor.", "And heather?", "There too, in August.")
_ONE_TURN = _said("Why?", "Because.")
_AFTER = ("Go on.", "Thistledown.")


def _scenarios() -> tuple[Scenario, ...]:
    ends = f"{_UPGRADE}, or {_ADDED}"
    empty = "leave empty answers out of the data, or mark text that is never empty, such as the end of turn"
    single: list[tuple[str, str, str, list[Message]]] = [
        (
            "decomposed-end-masks-rest",
            "where a span ends in a decomposed character (e + U+0301)",
            f"{ends}; or normalise answers to NFC",
            _said("Where?", "In the cafe\u0301", *_AFTER),
        ),
        (
            "combining-start-loses-spans",
            "where an answer begins with a combining mark",
            f"{_UPGRADE}, and let the header end in an added token or a newline",
            _said("Where?", "\u0301 is a mark.", *_AFTER),
        ),
        (
            "wide-character-end-cut",
            "where a span ends in a character of several tokens (an emoji, a rare ideograph)",
            ends,
            _said("Where?", "On the moor 👩🏽\u200d🚀", "And?", "There 𠮷"),
        ),
        (
            "token-zero-masks-rest",
            "where a span ends within the first token",
            f"{_UPGRADE}, or print a token before the first turn",
            _said("Yes", *_AFTER, first="assistant"),
        ),
        (
            "empty-content-breaks-mask",
            "where the first answer is empty",
            empty,
            _said("", *_AFTER, first="assistant"),
        ),
        ("empty-content-breaks-mask", "where an answer is empty", empty, _said("Where?", "", *_AFTER)),
    ]
    cut = "cut conversations yourself, after the mask is made"
    return (
        *(Scenario(name, when, cure, (said,)) for name, when, cure, said in single),
        Scenario(
            "left-truncation-loses-spans",
            "with truncation_side='left'",
            f"{_UPGRADE}, or {cut}",
            (TWO_TURNS,),
            "left",
        ),
        Scenario("right-truncation-loses-spans", "with truncation_side='right'", cut, (TWO_TURNS,), "right"),
        Scenario(
            "batch-breaks-mask", "in a batch", "tokenize conversations one at a time", (TWO_TURNS, _ONE_TURN)
        ),
        *(
            Scenario(
                f"{side}-padding-breaks-mask",
                f"padded on the {side}",
                "pad after the mask is made",
                (TWO_TURNS, _ONE_TURN),
                side,
            )
            for side in ("left", "right")
        ),
    )


PLAIN = Scenario("plain", "in a plain conversation", "", (TWO_TURNS,))
"""A conversation with nothing special about it: where its mask is wrong, the fault is the template's."""

SCENARIOS = _scenarios()
"""One for each fault; two where it shows in two ways."""
