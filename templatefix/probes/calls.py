"""Messages that call tools, and what the tools answer."""

from __future__ import annotations

import json
from typing import Any

from templatefix.model import Message
from templatefix.probes.messages import Turn, thought


def calls(
    number: int,
    *,
    count: int = 1,
    content: str | list[dict[str, str]] | None = "",
    absent: bool = False,
    as_json: bool = False,
    reasoning: bool = False,
    rich: bool = False,
    bare: bool = False,
) -> tuple[Message, Turn]:
    """An assistant's message that calls tools.

    Args:
        number (`int`): Makes its texts unique.
        count (`int`): How many calls.
        content (`str` or `list[dict]`, *optional*): What it says besides.
        absent (`bool`): Whether the message has no content, not even `None`, as transformers 5 hands it on.
        as_json (`bool`): Whether arguments are a JSON string.
        reasoning (`bool`): Whether it reasons too.
        rich (`bool`): Whether the calls have several arguments, of all types.
        bare (`bool`): Whether they have none.
    """
    places = [f"Ossory{number}x{index}" for index in range(count)]
    made = []
    named = bare or as_json  # some templates print nothing else of a call whose arguments are text
    for index, place in enumerate(places):
        arguments = {} if bare else {"place": place, **(_rich(place) if rich else {})}
        name = f"tally{number}x{index}" if named else "weather_at"
        function = {"name": name, "arguments": json.dumps(arguments) if as_json else arguments}
        made.append({"type": "function", "id": f"call{number}{index:04d}", "function": function})
    message: Message = {"role": "assistant", "content": content, "tool_calls": made}
    if absent:
        del message["content"]
    notes = [_note(place) for place in places] if rich else []
    own = [part["text"] for part in content] if isinstance(content, list) else [content] if content else []
    said = (*([thought(number)] if reasoning else []), *own)
    names = [f"tally{number}x{index}" for index in range(count) if named]
    turn = Turn("assistant", (*said, *names, *([] if bare else places), *notes))
    return ({**message, "reasoning_content": thought(number)} if reasoning else message), turn


def _note(place: str) -> str:
    return f"<b> & {place.replace('Ossory', 'Sorrel')}"  # what some templates escape


def _rich(place: str) -> dict[str, Any]:
    return {
        "note": _note(place),
        "days": 3,
        "exact": True,
        "unit": None,
        "tags": ["a", "b"],
        "more": {"deep": 1.5},
    }


def result(number: int, index: int = 0, *, shape: str = "text") -> tuple[Message, Turn]:
    """A tool's message."""
    text = f"{number}{index}481516234" if shape == "a number" else f"Veldt{number}x{index} is dry."
    media = [{"type": "image"}, {"type": "audio"}, {"type": "video"}] if shape == "media" else []
    parts = [*media, {"type": "text", "text": text}]
    other = {"text": text, "a mapping": {"weather": text}, "a number": int(text) if text.isdigit() else 0}
    content: Any = other.get(shape, parts)
    message = {
        "role": "tool",
        "name": "weather_at",
        "tool_call_id": f"call{number}{index:04d}",
        "content": content,
    }
    return message, Turn("tool", (text,))
