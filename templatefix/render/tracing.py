"""The sandbox in which texts are traced, and what one render does there; see [`TracedTemplate`].

The filters of `rewriting` and those that change texts are replaced by ones that keep origins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from secrets import token_hex
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context, Macro

from templatefix.errors import RenderError
from templatefix.render import limits
from templatefix.render.environment import SIZED, TICK, Environment, tojson
from templatefix.render.origins import (
    DERIVED,
    UNKNOWN,
    Origin,
    Safe,
    Traced,
    derived,
    escaped,
    fields_in,
    joined,
    plain,
    segments_of,
)
from templatefix.render.rewriting import (
    BACK,
    CONCAT,
    DATA,
    ENTER,
    LITERAL,
    NAME,
    OPERAND,
    OUTPUT,
    SAVE,
    TEST,
)
from templatefix.syntax.nodes import Generation


class Recorder:
    """What one render has done so far."""

    def __init__(self, chat: list[dict[str, Any]], operands: Sequence[int]) -> None:
        self.chat = chat
        self.operands = operands
        self.at: int | None = None
        self.stack: list[int | None] = []
        self.tests: set[tuple[int, int, bool, int | None]] = set()
        self.lists: set[int] = set()
        self.loops: set[int] = set()
        self.runs: list[tuple[int, tuple[int, ...], int | None]] = []
        self.parts: list[int] = []

    @cached_property
    def owners(self) -> dict[int, int]:
        """The message that each of its dicts and lists is of, by identity."""
        found: dict[int, int] = {}

        def visit(value: Any, index: int) -> None:
            if isinstance(value, dict | list):
                found[id(value)] = index
                for item in value.values() if isinstance(value, dict) else value:
                    visit(item, index)

        for index, message in enumerate(self.chat):
            visit(message, index)
        return found

    def enter(self, item: Any, loop: int, lists: Sequence[Any]) -> None:
        """Begin a turn of a loop. One that looks back prints for the message that it looks from."""
        index = self.message_of(item, lists)
        if index is not None and (isinstance(item, int) or (isinstance(item, dict) and "role" in item)):
            self.loops.add(loop)
        outer = self.stack[-1] if self.stack else None
        if index is not None:
            self.at = index if outer is None or index >= outer else outer

    def message_of(self, item: Any, lists: Sequence[Any]) -> int | None:
        """Return which message a loop is at: by identity, as an index of a list of messages, or by its texts."""
        if id(item) in self.owners:
            return self.owners[id(item)]
        if isinstance(item, int) and not isinstance(item, bool):
            for each in lists:
                if isinstance(each, list) and 0 <= item < len(each) and isinstance(each[item], dict):
                    return self.message_of(each[item], ())
            return None
        found = {path[0] for path in fields_in(item)}
        return found.pop() if len(found) == 1 else None

    def printed(self, value: Any, output: int = -1) -> Traced:
        """Return a printed value as a text made for the message that the loop is at."""
        if isinstance(value, str):
            text = value if isinstance(value, Traced) else Traced(value)
        else:
            text = derived(str(value), value)
            if isinstance(value, dict | list | tuple) and value:
                self.lists |= {path[0] for path in fields_in(value)}
        at, segments = self.at, text.segments
        # What was made for one message and kept is printed for the message that it is printed at.
        moved = False
        if output >= 0 and at is not None:
            made = {origin.at for origin, _, _ in segments}
            if at not in made:
                moved = len(made - {None, UNKNOWN}) == 1
        return type(text)(
            plain(text),
            tuple([(origin.printed(at, moved, output), begin, length) for origin, begin, length in segments]),
        )

    def leaf(self, index: int, length: int) -> None:
        """Note how much each operand of an output prints straight to the rendered text."""
        count = self.operands[index]
        lengths = tuple(self.parts[-count:])
        del self.parts[-count:]
        if sum(lengths) != length:
            raise RenderError("an output's operands do not add up to its text")
        self.runs.append((index, lengths, self.at))


class _Unmarked(Generation):
    """A generation block that prints what it holds."""

    def _generation_support(self, line: int, caller: Macro) -> str:
        return caller()


class TracingEnvironment(Environment):
    """The sandbox in which texts are traced."""

    recorder: Recorder

    def __init__(self) -> None:
        super().__init__()
        self.extensions = {**self.extensions, Generation.identifier: _Unmarked(self)}
        self._literals: dict[tuple[int, int | None, str], Traced] = {}
        self._printed: dict[tuple[int, int | None], Traced] = {}
        self.filters = {
            name: function if name in (TICK, SIZED) else _deriving(function)
            for name, function in self.filters.items()
        }
        self.filters |= {
            LITERAL: self._literal,
            NAME: self._name,
            CONCAT: self._concat,
            OUTPUT: self._output,
            OPERAND: self._operand,
            DATA: self._data,
            ENTER: self._enter,
            SAVE: self._save,
            BACK: self._back,
            TEST: self._test,
            "join": self._join,
            "tojson": _tojson,
            "safe": _safe,
            "e": _escape,
            "escape": _escape,
            "indent": _indent,
        }

    @staticmethod
    def concat(items: Any) -> Traced:
        """Join what macros, set blocks and calls have printed."""
        return joined("", list(items))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call; a text that a call computes is derived from what it was given."""
        result = super().call(context, obj, *args, **kwargs)
        if isinstance(result, str) and (not isinstance(result, Traced) or _is_bare(result)):
            return derived(plain(result), getattr(obj, "__self__", None), args, kwargs)
        return result

    @pass_context
    def _literal(self, _: Context, value: str, offset: int) -> Traced:
        key = (offset, self.recorder.at, value)
        text = self._literals.get(key)
        if text is None:
            text = self._literals[key] = Traced.of(value, Origin("literal", offset, at=self.recorder.at))
        return text

    @pass_context
    def _data(self, _: Context, value: str, offset: int, output: int, leaf: int) -> Traced:
        """Print the template's raw text: most of what is printed, and the same for each message."""
        recorder = self.recorder
        key = (offset, recorder.at)
        text = self._printed.get(key)
        if text is None:
            origin = Origin("literal", offset, at=recorder.at, via=(output,))
            text = self._printed[key] = Traced.of(value, origin)
        if leaf >= 0:
            recorder.runs.append((leaf, (len(value),), recorder.at))
        return text

    @pass_context
    def _name(self, _: Context, value: Any) -> Any:
        return self.recorder.printed(value) if isinstance(value, str) else value

    @pass_context
    def _concat(self, _: Context, items: list[Any]) -> Traced:
        return joined("", [self.recorder.printed(item) for item in items])

    @pass_context
    def _operand(self, _: Context, value: Any) -> Any:
        self.recorder.parts.append(len(value if isinstance(value, str) else str(value)))
        return value

    @pass_context
    def _output(self, _: Context, value: Any, output: int, leaf: int) -> Traced:
        recorder = self.recorder
        text = recorder.printed(value, output)
        if leaf >= 0:
            recorder.leaf(leaf, len(text))
        return text

    @pass_context
    def _enter(self, _: Context, item: Any, loop: int, *lists: Any) -> str:
        self.recorder.enter(item, loop, lists)
        return ""

    @pass_context
    def _save(self, _: Context, value: Any) -> Any:
        self.recorder.stack.append(self.recorder.at)
        return value

    @pass_context
    def _back(self, _: Context, value: Any) -> Any:
        self.recorder.at = self.recorder.stack.pop()
        return value

    @pass_context
    def _test(self, _: Context, value: Any, start: int, end: int) -> Any:
        recorder = self.recorder
        recorder.tests.add((start, end, bool(value), recorder.at))
        return value

    @pass_context
    def _join(self, _: Context, value: Any, d: str = "", attribute: Any = None) -> Traced:
        items = list(value)
        if attribute is not None:
            items = [self.getitem(item, attribute) for item in items]
        texts = [item if isinstance(item, str) else derived(str(item), item) for item in items]
        limits.check_size(sum(map(len, texts)) + len(str(d)) * len(texts))
        return joined(str(d), texts)


def _is_bare(text: Traced) -> bool:
    """Whether a text was computed just now, by something that does not follow origins."""
    return len(text.segments) == 1 and text.segments[0][0] is DERIVED


def _deriving(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter whose texts are derived from what it was given, unless it kept their origins."""

    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, str) and (not isinstance(result, Traced) or _is_bare(result)):
            return derived(plain(result), args, kwargs)
        return result

    kind = getattr(function, "jinja_pass_arg", None)
    if kind is not None:
        call.jinja_pass_arg = kind  # type: ignore[attr-defined]
    return call


_HOLE = token_hex(8)


def _tojson(value: Any, *args: Any, **kwargs: Any) -> Traced:
    """Dump with numbered holes in place of texts, then fill the holes; the brackets are derived."""
    texts: list[Traced] = []

    def holed(item: Any) -> Any:
        if isinstance(item, Traced):
            texts.append(item)
            return f"{_HOLE}{len(texts) - 1}x"
        if isinstance(item, dict):
            return {holed(key): holed(each) for key, each in item.items()}
        return [holed(each) for each in item] if isinstance(item, list | tuple) else item

    expected = tojson(value, *args, **kwargs)
    frame = Origin("derived", None, frozenset(fields_in(value)))
    before, *parts = tojson(holed(value), *args, **kwargs).split(_HOLE)
    ascii_only = bool(args[0] if args else kwargs.get("ensure_ascii", False))
    found = [Traced.of(before, frame)]
    for part in parts:
        number, _, rest = part.partition("x")
        found += [_in_json(texts[int(number)], ascii_only), Traced.of(rest, frame)]
    text = joined("", found)
    return text if text == expected else Traced.of(expected, frame)  # sorted keys were sorted as holes


def _in_json(text: Traced, ascii_only: bool) -> Traced:
    """Return a text as JSON spells it, without the quotes."""
    spelled = json.dumps(plain(text), ensure_ascii=ascii_only)[1:-1]
    if spelled == text:
        return text
    found = []
    for char in text:
        written = json.dumps(plain(char), ensure_ascii=ascii_only)[1:-1]
        [(origin, begin, _)] = segments_of(char)
        found.append(Traced(written, ((origin, begin, len(written)),)))
    return joined("", found)


def _safe(value: Any) -> Safe:
    text = value if isinstance(value, str) else derived(str(value), value)
    return Safe(plain(text), segments_of(text))


def _escape(value: Any) -> Safe:
    return escaped(value if isinstance(value, str) else derived(str(value), value))


def _indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Indent as `jinja2.filters.do_indent` does, and keep origins."""
    limits.check_size(width if isinstance(width, int) else 0)
    indention = Traced(width if isinstance(width, str) else " " * width)
    lines = (Traced("", ()) + s + "\n").splitlines()  # the last line end is a quirk of `do_indent`
    later = [indention + line if line or blank else line for line in lines[1:]]
    text = joined("\n", [*lines[:1], *later])
    return limits.sized(indention + text if first else text)  # type: ignore[no-any-return]
