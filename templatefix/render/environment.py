"""The environment in which transformers renders chat templates, without importing transformers.

Same sandbox, trimming, filters and globals as `transformers.utils.chat_template_utils` (5.x); a test
compares the two over every real template. Two things differ on purpose: the generation block leaves
marks in the text itself, so that its spans are true even where transformers' tracker miscounts, and a
render stops at a limit of time and size.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from templatefix.errors import RenderError, SyntaxProblem
from templatefix.model import Conversation, Rendered, Span
from templatefix.syntax.nodes import Generation

OPEN, CLOSE = "\ufdd0", "\ufdd1"  # noncharacters: no chat holds them, and no template can mean them
MAX_SECONDS = 5.0
MAX_CHARACTERS = 2_000_000


class _Marks(Generation):
    @pass_eval_context
    def _generation_support(self, context: nodes.EvalContext, caller: Macro) -> str:
        return f"{OPEN}{caller()}{CLOSE}"


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


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox with transformers' filters and globals.

    Attributes:
        deadline (`float`): `time.monotonic()` value after which loops stop.
    """

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Marks, loopcontrols])
        self.filters["tojson"] = _tojson
        self.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
            "dict": _Dict(),
            "namespace": _Namespace,
        }
        self.deadline = float("inf")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply or raise to a power, unless the result would be huge."""
        if operator == "*":
            for sequence, times in ((left, right), (right, left)):
                if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                    _check_size(len(sequence) * max(times, 0))
        elif isinstance(left, int) and isinstance(right, int):
            _check_size(left.bit_length() * max(right, 0))
        return super().call_binop(context, operator, left, right)

    def tick(self, items: Iterable[Any]) -> Iterator[Any]:
        """Pass `items` on, watching the clock."""
        for item in items:
            if time.monotonic() > self.deadline:
                raise RenderError(f"rendering takes longer than {MAX_SECONDS:g} s")
            yield item


def _check_size(size: int) -> None:
    if size > MAX_CHARACTERS:
        raise RenderError(f"rendering makes a value of more than {MAX_CHARACTERS:,} characters")


class Renderer:
    """A compiled chat template.

    Args:
        source (`str` or `jinja2.nodes.Template`): Jinja source, or a tree to compile as it is.
        variables (`Mapping[str, str]`): Special tokens such as `bos_token`, as transformers passes them.
        environment (`Environment`, *optional*): A subclass's instance, to render with more than the usual.

    Raises:
        SyntaxProblem: The template does not compile.
    """

    def __init__(
        self,
        source: str | nodes.Template,
        variables: Mapping[str, Any],
        environment: Environment | None = None,
    ) -> None:
        self.environment = environment or Environment()
        self.variables = dict(variables)
        try:
            tree = self.environment.parse(source) if isinstance(source, str) else source
            self.template = self.environment.from_string(_with_clocks(tree, self.environment))
        except TemplateError as error:
            raise SyntaxProblem(error.message or str(error), getattr(error, "lineno", 1)) from error
        except SyntaxError as error:  # Jinja compiles to Python: `break` in a closure fails only there
            raise SyntaxProblem(f"Jinja compiles it to invalid Python: {error.msg}", 1) from error

    def render(
        self,
        messages: Conversation,
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        **options: Any,
    ) -> Rendered:
        """Render one conversation.

        Args:
            messages (`list[dict]`): The conversation.
            tools (`list[dict]`, *optional*): JSON schemas of tools.
            add_generation_prompt (`bool`): Whether to open an assistant turn at the end.
            options: Further template variables, such as `enable_thinking`.

        Returns:
            [`Rendered`]: The text and the true spans of its generation blocks.

        Raises:
            RenderError: The template raised, or took too long, or printed too much.
        """
        chat = [with_reasoning(message) for message in messages]
        text = "".join(self.generate(chat, tools, add_generation_prompt, options))
        return split_marks(text)

    def generate(
        self,
        chat: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
        add_generation_prompt: bool,
        options: Mapping[str, Any],
    ) -> Iterator[str]:
        """Yield the pieces of text that the template prints at its top level, marks included.

        The dicts of `chat` reach the template as they are, so that a caller can tell them apart by identity.
        """
        values = {
            "messages": chat,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            **self.variables,
            **options,
        }
        self.environment.deadline = time.monotonic() + MAX_SECONDS
        size = 0
        try:
            for piece in self.template.generate(values):
                size += len(piece)
                _check_size(size)
                yield piece
        except RenderError:
            raise
        except RecursionError as error:
            raise RenderError("rendering recurses too deeply") from error
        except Exception as error:
            raise RenderError(f"{type(error).__name__}: {error}") from error


def _with_clocks(tree: nodes.Template, environment: Environment) -> nodes.Template:
    # Only loops can run long in a sandbox whose values are bounded, so each one watches the clock.
    for loop in tree.find_all(nodes.For):
        tick = nodes.EnvironmentAttribute("tick")
        loop.iter = nodes.Call(tick, [loop.iter], [], None, None, lineno=loop.lineno)
    tree.set_environment(environment)
    return tree


def with_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `message` with reasoning under all names, as `_alias_reasoning_fields` of transformers does."""
    names = ("reasoning_content", "thinking", "reasoning")
    reasoning = next((message[name] for name in names if message.get(name) is not None), None)
    if reasoning is None:
        return dict(message)
    return {"thinking": reasoning, **message, "reasoning_content": reasoning}


def split_marks(marked: str) -> Rendered:
    """Take the marks of generation blocks out of a text, and return the spans between them.

    Raises:
        RenderError: The template printed a mark without its partner.
    """
    if OPEN not in marked and CLOSE not in marked:
        return Rendered(marked)
    text: list[str] = []
    spans: list[Span] = []
    open_at: list[int] = []
    length = 0
    for char in marked:
        if char == OPEN:
            open_at.append(length)
        elif char == CLOSE:
            if not open_at:
                raise RenderError("the template takes generation blocks apart")
            spans.append(Span(open_at.pop(), length))
        else:
            text.append(char)
            length += 1
    if open_at:
        raise RenderError("the template takes generation blocks apart")
    return Rendered("".join(text), tuple(sorted(spans)))


def render(
    source: str, messages: Conversation, variables: Mapping[str, Any] = {}, **options: Any
) -> Rendered:
    """Render one conversation with one template; see [`Renderer.render`]."""
    return Renderer(source, variables).render(messages, **options)
