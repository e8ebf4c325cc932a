"""Which keys of the assistant's messages end up trained, besides those that are the assistant's own everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from templatefix.expected import Expectation, ExpectedSpan
from templatefix.judge.claims import REASONING
from templatefix.render.origins import Path

_OWN = frozenset({"role", "content", "tool_calls", "name", *REASONING})
_OWN_BELOW = {
    "content": frozenset({"type", "text", "content"}),
    "tool_calls": frozenset({"function", "name", "arguments", "id", "type", "index"}),
}


def unusual_keys(expectations: Sequence[Expectation]) -> list[str]:
    """Return the keys whose texts a template prints in the assistant's turns although not all data says who wrote them.

    Args:
        expectations (`Sequence[Expectation]`): What is expected on each probe.

    Returns:
        `list[str]`: Dotted, sorted; the type of a part of the content in brackets.
    """
    found: set[str] = set()
    for each in expectations:
        trace = each.trace
        for turn in each.turns:
            if trace is None or not isinstance(turn, ExpectedSpan) or not turn.starts:
                continue
            for index, _, _ in trace.segments_in(min(turn.starts), max(turn.ends)):
                origin = trace.origins[index]
                if origin.kind == "message" and origin.place[0] == turn.message:
                    found |= _unusual(origin.place, each.probe.messages[turn.message])
    return sorted(found)


def _unusual(path: Path, message: dict[str, object]) -> set[str]:
    """The name of a path, if it is not the assistant's own everywhere."""
    key = path[1]
    if key not in _OWN:
        return {str(key)}
    below = [step for step in path[2:] if isinstance(step, str)]
    if key not in _OWN_BELOW or not below:
        return set()
    value = message.get(key)
    part = value[path[2]] if isinstance(value, list) and isinstance(path[2], int) else None
    kind = part.get("type") if key == "content" and isinstance(part, dict) else None
    if kind not in (None, "text"):
        return {f"content[{kind}]"}
    return set() if below[0] in _OWN_BELOW[key] else {f"{key}.{below[0]}"}
