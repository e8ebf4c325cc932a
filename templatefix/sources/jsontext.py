"""Exact places in JSON text. Values come from the stdlib's parser; only the offsets are worked out here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from templatefix.edits import apply
from templatefix.errors import SourceError
from templatefix.model import Edit, Span
from templatefix.sources.spelling import Spelling

_BOM = "\ufeff"
_SPACE = re.compile(r"[ \t\n\r]*")
# Numbers as their own text: 1.0 stays apart from 1, NaN equals itself, and no digit limit applies.
_EXACT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def pointer(*tokens: str | int) -> str:
    """Return the RFC 6901 pointer to `tokens`, escaped."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def parse(text: str, path: str) -> dict[str, Any]:
    """Return the JSON object that `text` holds; a byte order mark before it is skipped.

    Args:
        text (`str`): The file's text.
        path (`str`): The file, for the message.

    Raises:
        SourceError: The text does not parse, or is no object.
    """
    cure = "correct the file; transformers cannot load it either."
    try:
        value = json.loads(text.removeprefix(_BOM))
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise SourceError(f"the JSON does not parse: {error.msg}", where=place, cure=cure) from error
    except RecursionError as error:
        raise SourceError("the JSON is nested too deeply", where=path, cure=cure) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise SourceError(f"the JSON does not parse: {error}", where=path, cure=cure) from error
    if isinstance(value, dict):
        return value
    raise SourceError(
        "the JSON is not an object", where=path, cure="name a file such as tokenizer_config.json."
    )


def lookup(document: Any, place: str) -> Any:
    """Return the value at the pointer `place`.

    Raises:
        LookupError: There is none.
    """
    for token in _tokens(place):
        if isinstance(document, list) and token.isdecimal():
            document = document[int(token)]
        elif isinstance(document, dict):
            document = document[token]
        else:
            raise LookupError(place)
    return document


def value_span(text: str, place: str) -> Span:
    """Return where the value at a pointer stands, quotes included. Of duplicate keys the last counts.

    Args:
        text (`str`): Text that `parse` accepts.
        place (`str`): RFC 6901 pointer.

    Raises:
        LookupError: There is no such value.
    """
    start = _skip(text, int(text.startswith(_BOM)))
    for token in _tokens(place):
        start = dict(_children(text, start))[token]
    return Span(start, _end(text, start))


def replace_strings(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the string at each pointer replaced, spelled in the escaping style of the old one.

    Args:
        text (`str`): Text that `parse` accepts.
        values (`Mapping[str, str]`): New string for each pointer.

    Raises:
        LookupError: A pointer leads nowhere.
        ValueError: The result would not hold exactly these values, as with surrogates that JSON would join.
    """
    spans = {place: value_span(text, place) for place in values}
    plain = text.removeprefix(_BOM)
    changed = apply(
        text,
        [
            Edit(spans[place], f'"{Spelling.of(spans[place].of(text)[1:-1], plain).encode(value)}"')
            for place, value in values.items()
        ],
    )
    expected = _EXACT.decode(plain)
    for place, value in values.items():
        above, _, last = place.rpartition("/")
        holder = lookup(expected, above)
        holder[int(last) if isinstance(holder, list) else _unescape(last)] = value
    if _EXACT.decode(changed.removeprefix(_BOM)) != expected:
        raise ValueError(f"replacing {', '.join(values)} would not give exactly the new text")
    return changed


def _tokens(place: str) -> list[str]:
    return [_unescape(token) for token in place.split("/")[1:]]


def _unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _children(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Yield key or index and the offset of the value, for each member of the array or object at `start`."""
    closing = {"{": "}", "[": "]"}.get(text[start])
    if closing is None:
        return
    cursor, index = _skip(text, start + 1), 0
    while text[cursor] != closing:
        key = str(index)
        if closing == "}":
            key, cursor = _EXACT.raw_decode(text, cursor)
            cursor = _skip(text, _skip(text, cursor) + 1)  # over the colon
        yield key, cursor
        cursor = _skip(text, _end(text, cursor))
        if text[cursor] == ",":
            cursor = _skip(text, cursor + 1)
        index += 1


def _end(text: str, start: int) -> int:
    return _EXACT.raw_decode(text, start)[1]


def _skip(text: str, cursor: int) -> int:
    found = _SPACE.match(text, cursor)
    return found.end() if found else cursor
