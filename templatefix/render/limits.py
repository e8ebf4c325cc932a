"""Limits of time and size for a stranger's template, where Jinja's sandbox has none.

A template runs in this process; isolation in a process of its own would stand in `Renderer.generate`.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2.filters import FILTERS
from jinja2.utils import generate_lorem_ipsum

from templatefix.errors import LimitError

MAX_SECONDS = 5.0
MAX_CHARACTERS = 2_000_000
_CHECKS_EACH = 64
_WIDTH = re.compile(r"\d{7,}")  # in a format string: a field of millions of characters
_NESTED = re.compile(r"\{[^{}]*\{")  # a width that is itself a field


def check_size(size: int) -> None:
    """Refuse a text or list of more than `MAX_CHARACTERS`.

    Raises:
        LimitError: It is larger.
    """
    if size > MAX_CHARACTERS:
        raise LimitError(f"rendering makes a value of more than {MAX_CHARACTERS:,} characters")


class Clock:
    """A deadline in CPU seconds of this process: a busy machine changes no verdict."""

    __slots__ = ("checks", "deadline")

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew: the deadline is `MAX_SECONDS` from when the clock is read first."""
        self.deadline = math.inf
        self.checks = 0

    def check(self) -> None:
        """Refuse to go on after the deadline. The clock is read now and then only, as that takes a system call.

        Raises:
            LimitError: It has passed.
        """
        self.checks += 1
        if self.checks % _CHECKS_EACH:
            return
        now = time.process_time()
        self.deadline = min(self.deadline, now + MAX_SECONDS)
        if now > self.deadline:
            raise LimitError(f"rendering takes longer than {MAX_SECONDS:g} s")


def sized(value: Any) -> Any:
    """Pass a value on, unless it is a larger text or list than the limit."""
    if isinstance(value, str | list | tuple):
        check_size(len(value))
    return value


def check_product(operator: str, left: Any, right: Any) -> None:
    """Refuse `*`, `**` and `%` whose result would be huge."""
    if operator == "%":
        _check_format(left)
        if isinstance(left, str) and "*" in left:
            _check_widths(right if isinstance(right, tuple) else [right])
    elif operator == "*":
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                check_size(len(sequence) * max(times, 0))
        if isinstance(left, int) and isinstance(right, int):
            check_size(left.bit_length() + right.bit_length())
    elif isinstance(left, int) and isinstance(right, int):
        check_size(left.bit_length() * max(right, 0))


def check_call(function: Any, args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse a call that pads, repeats or replaces its way to a huge text."""
    # The sandbox wraps `format`.
    text = getattr(getattr(function, "__wrapped__", function), "__self__", None)
    if isinstance(text, str):
        _check_method(text, getattr(function, "__name__", ""), [*args, *kwargs.values()])
    elif function is generate_lorem_ipsum:
        numbers = [each for each in (*args, *kwargs.values()) if isinstance(each, int)]
        check_size(100 * max(numbers, default=0))


def _check_method(text: str, name: str, args: Sequence[Any]) -> None:
    if name not in ("format", "format_map") or _NESTED.search(text):
        _check_widths(args)
    if name in ("format", "format_map"):
        _check_format(text)
    if name == "replace" and len(args) > 1:
        _check_replace(text, args[0], args[1])
    if name == "join" and args and isinstance(args[0], list | tuple):
        check_size(len(text) * len(args[0]) + sum(len(str(each)) for each in args[0]))


def _check_widths(values: Iterable[Any]) -> None:
    for each in values:
        check_size(each if isinstance(each, int) else 0)


def _check_format(text: Any) -> None:
    if isinstance(text, str) and _WIDTH.search(text):
        raise LimitError("rendering formats a text with a field of millions of characters")


def _check_replace(text: str, old: Any, new: Any) -> None:
    check_size(len(text) + text.count(str(old)) * len(str(new)))


def bounded_filters() -> dict[str, Callable[..., Any]]:
    """Return Jinja's filters that make texts larger than those they get, each with a limit."""

    def check(name: str, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        given = [*args, *kwargs.values()]
        if name != "format" or "*" in str(value):
            _check_widths(given)
        if name == "format":
            _check_format(value)
        if name == "replace" and len(given) > 1:
            _check_replace(str(value), given[0], given[1])
        if name == "join" and isinstance(value, list | tuple):
            check_size(len(str(given[0])) * len(value) if given else 0)

    def bound(name: str) -> Callable[..., Any]:
        plain = FILTERS[name]
        context = getattr(plain, "jinja_pass_arg", None)

        def limited(*args: Any, **kwargs: Any) -> Any:
            skip = 1 if context is not None else 0
            check(name, args[skip], args[skip + 1 :], kwargs)
            return sized(plain(*args, **kwargs))

        if context is not None:
            limited.jinja_pass_arg = context  # type: ignore[attr-defined]
        return limited

    return {
        name: bound(name)
        for name in ("batch", "center", "format", "indent", "join", "replace", "slice", "wordwrap")
    }


def tick(items: Iterable[Any], clock: Clock) -> Iterator[Any]:
    """Pass `items` on until the clock reaches the deadline."""
    for item in items:
        clock.check()
        yield item
