"""The environment in which transformers renders chat templates, without importing transformers.

Same sandbox, trimming, filters and globals as `transformers.utils.chat_template_utils` (5.x); a test
compares the two over every real template. Two things differ on purpose: the generation block leaves
marks in the text itself, so that its spans are true even where transformers' tracker miscounts, and a
render stops at a limit of time and size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from secrets import token_hex
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
from jinja2 import TemplateError, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from templatefix.render import limits
from templatefix.syntax.nodes import Generation

# Noncharacters and a secret, so that nobody can type a mark. The marker's line is between OPEN and LINE.
_NONCE = token_hex(8)
OPEN, LINE, CLOSE = (f"{character}{_NONCE}" for character in ("\ufdd0", "\ufdd2", "\ufdd1"))


class UndefinedError(jinja2.UndefinedError):
    """Says which variable or key it is that nobody defines.

    Args:
        message (`str`): Jinja's own words.
        missing (`str`): The name.
    """

    def __init__(self, message: str | None = None, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing


class Undefined(jinja2.Undefined):
    """Raises what knows the missing name."""

    __slots__ = ()

    def __init__(self, hint: Any = None, obj: Any = missing, name: Any = None, exc: Any = None) -> None:
        knowing: Any = partial(UndefinedError, missing=str(name or ""))  # Jinja only ever calls it
        super().__init__(hint, obj, name, exc or knowing)


class _Marks(Generation):
    @pass_eval_context
    def _generation_support(self, context: nodes.EvalContext, line: int, caller: Macro) -> str:
        return f"{OPEN}{line}{LINE}{caller()}{CLOSE}"


_Marks.identifier = Generation.identifier  # so that a tree parsed by `templatefix.syntax` finds it


class _Namespace(Namespace):
    def __init__(*args: Any, **kwargs: Any) -> None:  # `self=` is a legal attribute
        self, args = args[0], args[1:]
        values = dict(*args, **kwargs)
        for name in values:
            _check_attribute(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_attribute(name)
        Namespace.__setitem__(self, name, value)


def _check_attribute(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"chat templates cannot store underscore-prefixed attributes, got {name!r}")


class _Dict:
    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """Dump a value as transformers' own `tojson` does: without escapes for HTML."""
    limits.check_size(indent if isinstance(indent, int) else 0)
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


_OF_DICTS = frozenset(dir(dict))
_READING_DICTS = frozenset(("get", "items", "keys", "values"))
_OF_TEXTS = frozenset(name for name in dir(str) if not name.startswith("_")) - {"format", "format_map"}
_OF_LOOPS = frozenset(
    ("first", "last", "index", "index0", "revindex", "revindex0", "length", "depth", "depth0")
)
_OF_LOOPS |= {"previtem", "nextitem"}


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox with transformers' filters and globals.

    Attributes:
        clock (`Clock`): Stops loops and calls after the deadline.
    """

    intercepted_binops = frozenset(["*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, undefined=Undefined, extensions=[_Marks, loopcontrols]
        )
        self.filters |= limits.bounded_filters()
        self.filters |= {"tojson": tojson, TICK: _tick, SIZED: _sized}
        self.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
            "dict": _Dict(),
            "namespace": _Namespace,
        }
        self.clock = limits.Clock()

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Take short cuts for what is safe and read most; the sandbox would come to the same."""
        kind = type(obj)
        if kind is dict:
            if attribute not in _OF_DICTS:
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
            if attribute in _READING_DICTS:
                return getattr(obj, attribute)
        elif kind is LoopContext:
            if attribute in _OF_LOOPS:
                return getattr(obj, attribute)
        elif kind is _Namespace:
            if not attribute.startswith("_") and (value := getattr(obj, attribute, missing)) is not missing:
                return value
        elif attribute in _OF_TEXTS and isinstance(obj, str):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute an operator of `intercepted_binops`, unless the result would be huge."""
        limits.check_product(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls, unless the result would be huge."""
        self.clock.check()
        limits.check_call(obj, args, kwargs)
        # Methods of texts and dicts are safe, and need no context: the sandbox would come to the same.
        kind = type(obj)
        if (kind is BuiltinMethodType or kind is MethodType) and isinstance(obj.__self__, str | dict):
            kwargs.pop("_loop_vars", None)
            kwargs.pop("_block_vars", None)
            return obj(*args, **kwargs)
        return super().call(context, obj, *args, **kwargs)


@pass_context
def _tick(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    """Pass `items` on, watching the clock."""
    return limits.tick(items, context.environment.clock)  # type: ignore[attr-defined]


@pass_context
def _sized(_: Context, value: Any) -> Any:
    """Pass a value on, watching its size."""
    return limits.sized(value)


_SECRET = token_hex(16)
TICK, SIZED = f"tick {_SECRET}", f"sized {_SECRET}"
"""Filters that compiled templates go through; no template knows their names."""


def through(name: str, value: Any, *arguments: nodes.Expr) -> nodes.Filter:
    """Return what passes a value through such a filter: it costs less than a call, which a sandbox looks into."""
    return nodes.Filter(value, name, [*arguments], [], None, None, lineno=getattr(value, "lineno", None))
