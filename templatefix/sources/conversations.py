"""Read a conversation from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from templatefix.errors import SourceError
from templatefix.probes import Probe, given
from templatefix.probes.given import ROLES
from templatefix.sources.files import STDIN, decode, read_bytes, read_stdin

_FORM = (
    'write a list of messages, as [{"role": "user", "content": "…"}, …], or {"messages": […], "tools": […]}.'
)


def read_conversation(path: str) -> Probe:
    """Read a conversation: a JSON list of messages, or an object with `messages` and, if need be, `tools`.

    Other keys of the object are template variables such as `enable_thinking`.

    Args:
        path (`str`): A JSON file, or `-` for standard input.

    Raises:
        SourceError: It cannot be read, is no JSON, or no conversation; names the message and the cure.
    """
    text = decode(read_stdin(), STDIN) if path == STDIN else decode(read_bytes(path), path)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(
            f"it is no JSON: {error.msg}", where=f"{path}:{error.lineno}", cure=_FORM
        ) from error
    except RecursionError:
        raise SourceError("it is nested too deeply", where=path, cure=_FORM) from None
    options = dict(data) if isinstance(data, Mapping) else {"messages": data}
    messages, tools = options.pop("messages", None), options.pop("tools", None)
    if not isinstance(messages, list) or not messages:
        raise SourceError("it holds no list of messages", where=path, cure=_FORM)
    for index, message in enumerate(messages):
        _check(message, f"{path}: message {index}")
    if tools is not None and not isinstance(tools, list):
        raise SourceError("`tools` is no list", where=path, cure="write a list of JSON schemas.")
    return given(messages, tools, options, name=path)


def _check(message: Any, where: str) -> None:
    if not isinstance(message, dict):
        raise SourceError("it is no object with a role and content", where=where, cure=_FORM)
    role = message.get("role")
    if role not in ROLES:
        what = f"its role is {role!r}" if "role" in message else "it has no role"
        raise SourceError(what, where=where, cure=f"name one of {', '.join(ROLES)}.")
    content = message.get("content")
    if not isinstance(content, str | list | dict | None):
        raise SourceError(
            f"its content is a {type(content).__name__}",
            where=where,
            cure="write a text, or a list of parts.",
        )
