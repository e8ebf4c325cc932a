"""Which message a loop is at, also where the template loops over indices or over messages it has rebuilt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes


def rebuilt_from(target: Mapping[str, Any], chat: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the index of the message that a template has rebuilt, or of the first it has merged.

    Args:
        target (`Mapping`): What a loop is at.
        chat (`list[dict]`): The conversation.
    """
    said = texts(target)
    scores = [
        sum(len(text) for text in texts(message) if any(text in own for own in said)) for message in chat
    ]
    best = max(scores, default=0)
    alike = {chat[at].get("role") for at, score in enumerate(scores) if score == best}
    return scores.index(best) if best and len(alike) == 1 else None


def texts(value: Any, key: str = "") -> list[str]:
    """All texts in a message but its role and the types and names of its parts."""
    if isinstance(value, str):
        return [value] if len(value.strip()) > 1 else []
    if isinstance(value, Mapping):
        skipped = {"role", "type", "name", "id", "tool_call_id"}
        return [text for name, each in value.items() if name not in skipped for text in texts(each, name)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts(each, key)]
    return []


def holders(loops: Sequence[nodes.For]) -> list[nodes.Expr]:
    """Return expressions that may hold the message: loop variables, innermost first, then what loops set or look up.

    Args:
        loops (`Sequence[jinja2.nodes.For]`): The loops round an output, innermost first.
    """
    own = [loop.target.name for loop in loops if isinstance(loop.target, nodes.Name)]
    sets = [
        each.target.name
        for loop in loops
        for each in loop.body
        if isinstance(each, nodes.Assign)
        and isinstance(each.target, nodes.Name)
        and isinstance(each.node, nodes.Getitem)
    ]
    looked_up = {
        (read.node.name, read.arg.name)
        for loop in loops
        for read in loop.find_all(nodes.Getitem)
        if isinstance(read.node, nodes.Name) and isinstance(read.arg, nodes.Name) and read.arg.name in own
    }
    return [
        *(nodes.Name(name, "load") for name in dict.fromkeys([*own, *sets])),
        *(
            nodes.Getitem(nodes.Name(name, "load"), nodes.Name(index, "load"), "load")
            for name, index in sorted(looked_up)
        ),
    ]
