"""Renders and tracked spans of transformers itself, up to the tokenizer."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from templatefix.errors import RenderError
from templatefix.model import Rendered, Span
from templatefix.probes import Probe

_MODULE = "transformers.utils.chat_template_utils"
_ALIAS = "_templatefix_transformers"
_LOCK = threading.Lock()


def tracked(source: str, probe: Probe, variables: Mapping[str, Any]) -> Rendered:
    """Render a probe as `apply_chat_template(return_assistant_tokens_mask=True)` does, up to the tokenizer.

    Args:
        source (`str`): The chat template.
        probe (`Probe`): The conversation.
        variables (`Mapping[str, str]`): Special tokens.

    Returns:
        [`Rendered`]: The text and the character spans that transformers tracked.

    Raises:
        RenderError: The template raised.
    """
    render = render_function()
    logger = logging.getLogger(render.__module__)
    level = logger.level
    logger.setLevel(logging.ERROR)  # its warning about missing markers is our finding
    try:
        texts, spans = render(
            [list(probe.messages)],
            chat_template=source,
            return_assistant_tokens_mask=True,
            **{**probe.arguments, **variables},
        )
    except Exception as error:
        raise RenderError(f"{type(error).__name__}: {error}") from error
    finally:
        logger.setLevel(level)
    return Rendered(texts[0], tuple(Span(start, end) for start, end in spans[0]))


def render_function() -> Callable[..., Any]:
    """Return `render_jinja_template` of the installed transformers, without an import of the whole package.

    The import of transformers takes most of a second; its one file takes a quarter of that. If transformers is
    imported already, or its file does not work alone, the function is the one that transformers exports.
    """
    if _MODULE not in sys.modules:
        with _LOCK:
            function = _from_file()
        if function is not None:
            return function
    from transformers.utils.chat_template_utils import render_jinja_template

    return render_jinja_template  # type: ignore[no-any-return]


@cache
def _from_file() -> Callable[..., Any] | None:
    """Return the function of transformers' file, loaded under another package name; `None` if that fails."""
    try:
        function: Callable[..., Any] = _load().render_jinja_template
        _require_spans(function)
    # Another version of the file may raise anything when it is loaded alone. Nothing is hidden: the caller then imports
    # the module as usual, which raises what is really wrong.
    except Exception:  # noqa: BLE001
        return None
    return function


def _load() -> ModuleType:
    """Load transformers' file as a module of `_ALIAS`, and leave nothing of that name in `sys.modules`.

    Two empty packages have the folders of transformers and of its utils as their paths. Relative imports in the file
    thus load its siblings only, and the name `transformers` stays free for a real import.
    """
    spec = find_spec("transformers")
    [folder] = (spec and spec.submodule_search_locations) or []
    try:
        for name, path in ((_ALIAS, Path(folder)), (f"{_ALIAS}.utils", Path(folder, "utils"))):
            sys.modules[name] = package = ModuleType(name)
            package.__path__ = [str(path)]
        module = import_module(_MODULE.replace("transformers", _ALIAS, 1))
        module.__name__ = _MODULE  # error messages about a template show it
        return module
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == _ALIAS]:
            del sys.modules[name]


def _require_spans(render: Callable[..., Any]) -> None:
    """Raise if a loaded function does not render and track one answer; a relative import in it would fail here."""
    # Some text comes first: transformers 5.0 does not track a marker at the very beginning.
    source = (
        "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    )
    messages = [{"role": "assistant", "content": "Paris."}]
    tools = [{"type": "function", "function": {"name": "capital", "parameters": {}}}]
    arguments = {"chat_template": source, "tools": tools, "return_assistant_tokens_mask": True}
    if render([messages], **arguments) != (["assistant: Paris."], [[(11, 17)]]):
        raise ValueError("another text or other spans")
