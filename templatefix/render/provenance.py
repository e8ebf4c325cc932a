"""Which output of a template wrote which characters of a rendered conversation, and for which message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Context

from templatefix.errors import RenderError
from templatefix.model import Conversation, Span
from templatefix.render.environment import Environment, through
from templatefix.render.recognition import holders, rebuilt_from
from templatefix.render.renderer import Renderer, normal, split_marks
from templatefix.syntax import Source, is_generation, parse, walk
from templatefix.syntax.chain import atoms


def buffers(node: nodes.Node) -> bool:
    """Whether what stands in a statement does not go straight to the rendered text, or goes there again."""
    if isinstance(node, nodes.For):
        return bool(node.recursive)
    buffered = nodes.Macro | nodes.AssignBlock | nodes.FilterBlock | nodes.CallBlock | nodes.Block
    return isinstance(node, buffered) and not is_generation(node)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one operand of one output printed in one execution.

    Args:
        leaf (`int`): Index of the output among `leaves(source)`.
        run (`int`): Counts the executions of outputs within one render.
        atom (`int`): Index of the operand in the output's chain.
        span (`Span`): Where its text stands in the rendered conversation.
        message (`int`, *optional*): Index of the message that the innermost message loop was at.
        role (`str`): Role of the innermost loop item that has one, rebuilt by the template or not; empty outside.
    """

    leaf: int
    run: int
    atom: int
    span: Span
    message: int | None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A rendered conversation in pieces that cover it without gaps."""

    text: str
    pieces: tuple[Piece, ...]


def leaves(source: Source) -> list[nodes.Output]:
    """Return the outputs that print straight to the rendered text, in source order."""
    return [
        node
        for node, above in walk(source.tree)
        if isinstance(node, nodes.Output) and not any(buffers(each) for each in above)
    ]


@dataclass
class _Recorder:
    chat: list[dict[str, Any]]
    expected: list[int]
    pieces: list[Piece] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    length: int = 0
    run: int = 0
    known: dict[int, tuple[Any, int | None]] = field(default_factory=dict)

    def atom(self, value: Any) -> Any:
        """Note one operand's text and pass the operand on."""
        self.parts.append(str(value))
        return value

    def leaf(self, index: int, value: Any, *targets: Any) -> str:
        """Note one output's text, operand by operand where they add up to it."""
        text = str(value)
        count = self.expected[index]
        parts = self.parts[len(self.parts) - count :]
        del self.parts[len(self.parts) - count :]
        if "".join(parts) != text:
            raise RenderError("an output's operands do not add up to its text")
        message = self._message(targets)
        roles = (each["role"] for each in targets if isinstance(each, Mapping) and "role" in each)
        role = str(next(roles, ""))
        for atom, part in enumerate(parts):
            span = Span(self.length, self.length + len(part))
            self.pieces.append(Piece(index, self.run, atom, span, message, role))
            self.length = span.end
        self.run += 1
        return text

    def _message(self, targets: Sequence[Any]) -> int | None:
        """Which message the loop is at: by identity, else by what a rebuilt message says."""
        for target in targets:
            at = next((at for at, each in enumerate(self.chat) if each is target), None)
            if at is not None:
                return at
        for target in targets:
            known = isinstance(target, Mapping) and "role" in target
            if known and (at := self._rebuilt(target)) is not None:
                return at
        return None

    def _rebuilt(self, target: Mapping[str, Any]) -> int | None:
        key = id(target)
        if key not in self.known or self.known[key][0] is not target:
            self.known[key] = (target, rebuilt_from(target, self.chat))
        return self.known[key][1]


_LEAF, _ATOM = f"leaf {token_hex(16)}", f"atom {token_hex(16)}"


@pass_context
def _leaf(context: Context, value: Any, index: int, *targets: Any) -> str:
    return context.environment.recorder.leaf(index, value, *targets)  # type: ignore[attr-defined,no-any-return]


@pass_context
def _atom(context: Context, value: Any) -> Any:
    return context.environment.recorder.atom(value)  # type: ignore[attr-defined]


class _TracingEnvironment(Environment):
    recorder: _Recorder

    def __init__(self) -> None:
        super().__init__()
        self.filters |= {_LEAF: _leaf, _ATOM: _atom}


class Tracer:
    """A template instrumented to say which output wrote what.

    Args:
        source (`Source`): The parsed template.
        variables (`Mapping[str, str]`): Special tokens such as `bos_token`.
    """

    def __init__(self, source: Source, variables: Mapping[str, Any]) -> None:
        fresh = parse(source.text)  # instrumenting changes the tree
        self.counts = _instrument(fresh)
        self.environment = _TracingEnvironment()
        self.renderer = Renderer(fresh.tree, variables, self.environment)

    def run(
        self,
        messages: Conversation,
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        **options: Any,
    ) -> Trace:
        """Render one conversation and return its text in pieces.

        Raises:
            RenderError: The template raised, or its pieces do not add up to what it printed.
        """
        chat = [normal(message) for message in messages]
        self.environment.recorder = recorder = _Recorder(chat, self.counts)
        text = split_marks("".join(self.renderer.generate(chat, tools, add_generation_prompt, options))).text
        if recorder.length != len(text):
            raise RenderError("the template's outputs do not add up to its text")
        return Trace(text, tuple(recorder.pieces))


def _instrument(source: Source) -> list[int]:
    """Make each output of `source.tree` report itself; return the number of operands of each."""
    targets: dict[int, list[nodes.Expr]] = {}
    known: dict[tuple[int, ...], list[nodes.Expr]] = {}
    for node, above in walk(source.tree):
        if isinstance(node, nodes.Output):
            loops = [each for each in reversed(above) if isinstance(each, nodes.For)]
            key = tuple(map(id, loops))
            if key not in known:
                known[key] = holders(loops)
            targets[id(node)] = known[key]
    counts = []
    for index, output in enumerate(leaves(source)):
        expression = (
            output.nodes[0] if len(output.nodes) == 1 else nodes.Concat(output.nodes)
        )  # {% print a, b %}
        found = atoms(expression, source.text, source.markup) if len(output.nodes) == 1 else [expression]
        counts.append(len(found))
        value = _replace(expression, {id(atom): through(_ATOM, _plain(atom)) for atom in found})
        output.nodes = [through(_LEAF, value, nodes.Const(index), *targets[id(output)])]
    return counts


def _plain(atom: nodes.Expr) -> nodes.Expr:
    return nodes.Const(atom.data) if isinstance(atom, nodes.TemplateData) else atom


def _replace(node: nodes.Expr, new: Mapping[int, nodes.Expr]) -> nodes.Expr:
    if id(node) in new:
        return new[id(node)]
    if isinstance(node, nodes.Add):
        return nodes.Add(_replace(node.left, new), _replace(node.right, new))
    if isinstance(node, nodes.Concat):
        return nodes.Concat([_replace(part, new) for part in node.nodes])
    return node
