"""Render one conversation with one template, within limits, and find the true spans of its generation blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.visitor import NodeTransformer

from templatefix.errors import LimitError, RenderError, SyntaxProblem
from templatefix.model import Conversation, Rendered, Span
from templatefix.render import limits
from templatefix.render.environment import (
    CLOSE,
    LINE,
    OPEN,
    SIZED,
    TICK,
    Environment,
    UndefinedError,
    through,
)


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
        self.source = source if isinstance(source, str) else ""
        try:
            code = _compiled(source) if isinstance(source, str) else _compile(source, self.environment)
        except TemplateError as error:
            raise SyntaxProblem(error.message or str(error), getattr(error, "lineno", 1)) from error
        except SyntaxError as error:  # Jinja compiles to Python: `break` in a closure fails only there
            raise SyntaxProblem(f"Jinja compiles it to invalid Python: {error.msg}", 1) from error
        self.template = Template.from_code(self.environment, code, self.environment.make_globals(None))

    def reads(self, name: str) -> bool:
        """Whether the template's source has this word in it, so that a variable of that name may matter."""
        return not self.source or name in self.source

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
        chat = [normal(message) for message in messages]
        text = "".join(self.generate(chat, tools, add_generation_prompt, options))
        return split_marks(text)

    def text(self, messages: Conversation, **options: Any) -> str | None:
        """Return the text of one conversation, or `None` where the template raises; see `render`."""
        try:
            return self.render(messages, **options).text
        except RenderError:
            return None

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
        self.environment.clock.start()
        size = 0
        try:
            for piece in self.template.generate(values):
                size += len(piece)
                limits.check_size(size)
                yield piece
        except RenderError as error:
            error.line = error.line or _raised_at(error)
            raise
        except RecursionError as error:
            raise LimitError("rendering recurses too deeply") from error
        except MemoryError as error:
            raise LimitError("rendering needs more memory than there is") from error
        except OverflowError as error:  # the sandbox's own limit of `range`, or of numbers
            raise LimitError(f"rendering goes over a limit: {error}", line=_raised_at(error)) from error
        except Exception as error:
            missing = error.missing if isinstance(error, UndefinedError) else ""
            words = f"{type(error).__name__}: {error}"
            raise RenderError(words, line=_raised_at(error), missing=missing) from error


def _raised_at(error: Exception) -> int:
    """The line of the template that raised: Jinja puts its lines into the traceback."""
    lines, trace = [0], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1]


@lru_cache(64)
def _compiled(source: str) -> CodeType:
    """Compile a source once, for whichever environment: they differ in their deadline alone."""
    environment = Environment()
    return _compile(environment.parse(source), environment)


def _compile(tree: nodes.Template, environment: Environment) -> CodeType:
    return environment.compile(_with_limits(tree, environment))


def _with_limits(tree: nodes.Template, environment: Environment) -> nodes.Template:
    _Limited().visit(tree)
    tree.set_environment(environment)
    return tree


class _Limited(NodeTransformer):
    """Makes each loop watch the clock, and each value that is made of others its size.

    Only loops and calls can run long in a sandbox whose values are bounded, and only by adding texts up, again and
    again, can a small template make large ones. What is printed is watched where it arrives.
    """

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - Jinja's own names
        self.generic_visit(node)
        node.iter = through(TICK, node.iter)
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Assign:  # noqa: N802
        node.node = through(SIZED, self._chain(node.node))
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:  # noqa: N802
        self.generic_visit(node)
        node.filter = through(SIZED, node.filter)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802
        node.nodes = [self._chain(each) for each in node.nodes]
        return node

    def visit_Add(self, node: nodes.Add) -> nodes.Filter:  # noqa: N802
        return through(SIZED, self._chain(node))

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        return through(SIZED, self._chain(node))

    def _chain(self, node: Any) -> Any:
        """Limit the operands of a sum, and what they are made of, but not each sum on the way."""
        if isinstance(node, nodes.Add):
            node.left, node.right = self._chain(node.left), self._chain(node.right)
        elif isinstance(node, nodes.Concat):
            node.nodes = [self._chain(each) for each in node.nodes]
        else:
            return self.visit(node)
        return node


def normal(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `message` with reasoning under all its names, as `_alias_reasoning_fields` of transformers does.

    What it drops besides, keys whose value is `None`, is dropped from users' conversations where they are read.
    """
    names = ("reasoning_content", "thinking", "reasoning")
    reasoning = next((message[name] for name in names if message.get(name) is not None), None)
    if reasoning is None:
        return dict(message)
    return {"thinking": reasoning, **message, "reasoning_content": reasoning}


_MARK = re.compile(f"{OPEN}(\\d+){LINE}|{OPEN}|{LINE}|{CLOSE}")
_TAKEN_APART = "the template takes generation blocks apart, so where they begin and end is not known"


def split_marks(marked: str) -> Rendered:
    """Take the marks of generation blocks out of a text, and return the spans between them.

    Raises:
        LimitError: The template printed a mark without its partner, so that its spans are not known.
    """
    text: list[str] = []
    found: list[tuple[Span, int]] = []
    open_at: list[tuple[int, int]] = []
    length = cursor = 0
    for mark in _MARK.finditer(marked):
        text.append(marked[cursor : mark.start()])
        length += mark.start() - cursor
        cursor = mark.end()
        if mark[1]:
            open_at.append((length, int(mark[1])))
        elif mark[0] == CLOSE and open_at:
            start, line = open_at.pop()
            found.append((Span(start, length), line))
        else:
            raise LimitError(_TAKEN_APART)
    if open_at:
        raise LimitError(_TAKEN_APART)
    found.sort()
    text.append(marked[cursor:])
    return Rendered("".join(text), tuple(span for span, _ in found), tuple(line for _, line in found))


def render(
    source: str, messages: Conversation, variables: Mapping[str, Any] = {}, **options: Any
) -> Rendered:
    """Render one conversation with one template; see [`Renderer.render`]."""
    return Renderer(source, variables).render(messages, **options)
