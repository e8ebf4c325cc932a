"""The `chat_template` value of a JSON file or tokenizer, in any of its three forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from templatefix.errors import SourceError
from templatefix.model import Origin
from templatefix.sources.jsontext import pointer

KEY = "chat_template"


class Variant(NamedTuple):
    """One named template text, and its pointer."""

    name: str
    pointer: str
    text: str


def variants(value: Any, path: str) -> tuple[Variant, ...]:
    """Return the templates that a `chat_template` value holds.

    Args:
        value (`Any`): A string, a list of `{name, template}`, a mapping of name to template, or `None`.
        path (`str`): Where it was found, for the messages.

    Raises:
        SourceError: The value or one of its entries has another form, or a name occurs twice.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (Variant("default", pointer(KEY), value),)
    if isinstance(value, list | tuple):
        return _from_list(value, path)
    if isinstance(value, Mapping):
        for name, text in value.items():
            _require_text(text, pointer(KEY, name), path)
        return tuple(Variant(name, pointer(KEY, name), text) for name, text in value.items())
    raise _wrong(f"`chat_template` is {_kind(value)}", pointer(KEY), path)


def is_blank(text: str) -> bool:
    """Whether a template has no content: nothing, whitespace, or a byte order mark alone."""
    return not text.removeprefix("\ufeff").strip()


def _from_list(entries: list[Any] | tuple[Any, ...], path: str) -> tuple[Variant, ...]:
    found: dict[str, Variant] = {}
    for index, entry in enumerate(entries):
        place = pointer(KEY, index)
        if not isinstance(entry, Mapping):
            raise _wrong(f"entry {index} of `chat_template` is {_kind(entry)}", place, path)
        for key in ("name", "template"):
            if key not in entry:
                raise _wrong(f"entry {index} of `chat_template` has no `{key}`", place, path)
        name = entry["name"]
        _require_text(name, pointer(KEY, index, "name"), path)
        _require_text(entry["template"], pointer(KEY, index, "template"), path)
        if name in found:
            raise SourceError(
                f"two templates are called {name!r}; transformers would silently use the last",
                where=str(Origin(path, place)),
                cure="rename or delete one of the two entries.",
            )
        found[name] = Variant(name, pointer(KEY, index, "template"), entry["template"])
    return tuple(found.values())


def _require_text(value: Any, place: str, path: str) -> None:
    if not isinstance(value, str):
        raise _wrong(f"a string is needed, and this is {_kind(value)}", place, path)


def _wrong(what: str, place: str, path: str) -> SourceError:
    return SourceError(
        what,
        where=str(Origin(path, place)),
        cure="write a string, a list of {name, template} entries, or an object of name to template.",
    )


def _kind(value: Any) -> str:
    # bool is an int to Python, so it comes first
    kinds = ((bool, "a boolean"), (int | float, "a number"), (str, "a string"), (Mapping, "an object"))
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "a list"
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")
