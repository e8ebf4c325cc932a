"""What a conversion of training data came to, in words and as JSON."""

from __future__ import annotations

import textwrap
from typing import Any

from templatefix.model import Advice, Conversion
from templatefix.schema import SCHEMA_VERSION

_MOST = 6


def write_conversion(value: Conversion) -> str:
    """Return the counts, on one line."""
    return (
        f"{value.source}: {_count(value.rows, 'row')} = {value.converted} converted + {value.refused} refused; "
        f"{_count(value.examples, 'example')} of {_count(value.advice.answers, 'assistant message')}\n"
    )


def write_advice(value: Advice, width: int) -> str:
    """Return the advice: what the rows are like, the route, the reason, and the settings.

    Args:
        value ([`Advice`]): The advice.
        width (`int`): Columns to fill.
    """
    shown = [f"{turns} in {_count(rows, 'row')}" for turns, rows in value.turns[:_MOST]]
    if len(value.turns) > _MOST:
        shown.append(f"more in {_count(sum(rows for _, rows in value.turns[_MOST:]), 'row')}")
    if value.unread:
        shown.append(f"unreadable in {_count(value.unread, 'row')}")
    route = "`messages`" if value.route == "messages" else "`prompt` and `completion`"
    every = ", by --every-turn" if value.every_turn else ""
    head = f"advice: {value.kind} data: train {route}{every}\n  assistant messages: {', '.join(shown)}"
    body = textwrap.fill(value.reason, width, initial_indent="  ", subsequent_indent="  ")
    return f"{head}\n{body}\n  {value.settings}\n"


def conversion(value: Conversion) -> dict[str, Any]:
    """The form of `templatefix convert --format json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "convert",
        "source": value.source,
        "output": value.output,
        "every_turn": value.every_turn,
        "rows": value.rows,
        "converted": value.converted,
        "refused": value.refused,
        "examples": value.examples,
        "refusals": [{"where": each.where, "what": each.what, "cure": each.cure} for each in value.refusals],
        "advice": advice(value.advice),
    }


def advice(value: Advice) -> dict[str, Any]:
    """An advice; `turns` are pairs of a number of assistant messages, and of how many rows have it."""
    return {
        "rows": value.rows,
        "turns": [list(pair) for pair in value.turns],
        "unread": value.unread,
        "kind": value.kind,
        "route": value.route,
        "every_turn": value.every_turn,
        "reason": value.reason,
        "settings": value.settings,
    }


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
