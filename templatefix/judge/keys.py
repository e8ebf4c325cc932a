"""Which keys of the assistant's messages end up trained, besides those that are the assistant's own everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from templatefix.judge.claims import REASONING, is_owed
from templatefix.oracle import Expectation

_OWN = frozenset({"role", "content", "tool_calls", "name", *REASONING})
_OWN_BELOW = {
    "content": frozenset({"type", "text", "content"}),
    "tool_calls": frozenset({"function", "name", "arguments", "id", "type", "index"}),
}


def unusual_keys(expectations: Sequence[Expectation]) -> list[str]:
    """Return the keys whose texts a template prints in the assistant's turns although not all data says who wrote them.

    Args:
        expectations (`Sequence[Expectation]`): What each probe owes.

    Returns:
        `list[str]`: Dotted, sorted; the type of a part of the content in brackets.
    """
    found = set()
    for each in expectations:
        owed = [turn for turn in each.turns if is_owed(turn)]
        for turn in owed:
            inside = (each.text or "")[min(turn.starts) : max(turn.ends)]
            own = each.probe.turns[turn.turn].texts
            told = _told(each.probe.messages[turn.turn])
            found |= {key for key, text in told if text in own and text in inside}
    return sorted(found)


def _told(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each text of a message that stands under an unusual key, and the key."""
    for key, value in message.items():
        if key not in _OWN:
            yield from ((key, text) for text in _texts(value))
        for item in (value if isinstance(value, list) else [value]) if key in _OWN_BELOW else ():
            if not isinstance(item, dict):
                continue
            kind = item.get("type") if key == "content" else None
            if kind not in (None, "text"):
                yield from ((f"content[{kind}]", text) for text in _texts(item))
                continue
            for below, inner in item.items():
                if below not in _OWN_BELOW[key]:
                    yield from ((f"{key}.{below}", text) for text in _texts(inner))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)
