"""Render a chat template so that every character knows its origin; see [`TracedRender`].

The tree is rewritten before it is compiled: literals, outputs, tests and loops pass through filters that no template
can name. Values are `Traced` texts, which behave as `str` does, so the template takes the same path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from templatefix.model import Conversation, Span
from templatefix.render.origins import (
    Origin,
    Path,
    Segment,
    Traced,
    joined,
    plain,
)
from templatefix.render.renderer import Renderer, normal
from templatefix.render.rewriting import (
    rewrite,
)
from templatefix.render.tracing import Recorder, TracingEnvironment
from templatefix.syntax import Source, parse_unshared


@dataclass(frozen=True, slots=True)
class Piece:
    """What one operand of one output printed in one execution.

    Args:
        leaf (`int`): Index of the output among `leaves(source)`.
        run (`int`): Counts the executions of outputs within one render.
        atom (`int`): Index of the operand in the output's chain.
        span (`Span`): Its text in the rendered conversation.
        message (`int`, *optional*): Index of the message that the innermost message loop was at.
    """

    leaf: int
    run: int
    atom: int
    span: Span
    message: int | None


@dataclass(frozen=True)
class TracedRender:
    """A rendered conversation whose characters know their origins.

    Args:
        text (`str`): The text, equal to what the plain template prints.
        segments (`tuple`): Its origins; their lengths add up to the text's.
        runs (`tuple`): What the outputs at the top printed, in order: the index of each among `leaves(source)`, how
            many characters each of its operands printed, and the message that the loop was at.
        tests (`frozenset`): The conditions that ran: start and end in the source, the truth, and that message.
        loops (`frozenset[int]`): The loops over messages that ran, by their source offset.
        lists (`frozenset[int]`): Messages of which a list or mapping was printed as Python's `repr`.
    """

    text: str
    segments: tuple[Segment, ...]
    runs: tuple[tuple[int, tuple[int, ...], int | None], ...] = ()
    tests: frozenset[tuple[int, int, bool, int | None]] = frozenset()
    lists: frozenset[int] = frozenset()
    loops: frozenset[int] = frozenset()

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The text by the operands that printed it; empty where they do not add up to it."""
        found: list[Piece] = []
        at = 0
        for run, (leaf, lengths, message) in enumerate(self.runs):
            for atom, length in enumerate(lengths):
                found.append(Piece(leaf, run, atom, Span(at, at + length), message))
                at += length
        return tuple(found) if at == len(self.text) else ()


class TracedTemplate:
    """A template that renders with origins.

    Args:
        source (`Source`): The template; generation blocks print what they hold.
        variables (`Mapping[str, str]`): Special tokens.
    """

    def __init__(self, source: Source, variables: Mapping[str, Any]) -> None:
        fresh = parse_unshared(source.text)  # rewriting changes the tree
        self.environment = TracingEnvironment()
        tree, self.operands = rewrite(fresh, frozenset(variables))
        special = {name: _variable(value, name) for name, value in variables.items()}
        self.renderer = Renderer(tree, special, self.environment)
        self._known: dict[tuple[int, int], tuple[Any, Any]] = {}

    def render(
        self,
        messages: Conversation,
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        **options: Any,
    ) -> TracedRender:
        """Render one conversation; see `Renderer.render`.

        Raises:
            RenderError: The template raised, or went over a limit.
        """
        chat = [self._message(index, message) for index, message in enumerate(messages)]
        self.environment.recorder = recorder = Recorder(chat, self.operands)
        given = {name: _variable(value, name) for name, value in options.items()}
        printed = self.renderer.generate(chat, _variable(tools, "tools"), add_generation_prompt, given)
        text = joined("", list(printed))
        return TracedRender(
            plain(text),
            text.segments,
            tuple(recorder.runs),
            frozenset(recorder.tests),
            frozenset(recorder.lists),
            frozenset(recorder.loops),
        )

    def _message(self, index: int, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a message whose texts know their paths. A sandboxed template cannot change it, so it is kept."""
        key = (index, id(message))
        if key not in self._known:
            self._known[key] = (message, _field(normal(message), (index,)))
        found: dict[str, Any] = self._known[key][1]
        return found


KEY = "<key>"
"""Last step of the path of a mapping's key."""


def _field(value: Any, path: Path) -> Any:
    if isinstance(value, str):
        return Traced.of(plain(value), Origin("message", path))
    if isinstance(value, Mapping):
        return {
            # Keys of the message itself are only looked up.
            _field(key, (*path, key, KEY)) if isinstance(key, str) and len(path) > 1 else key: _field(
                item, (*path, key)
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_field(item, (*path, at)) for at, item in enumerate(value)]
    return value


def _variable(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return Traced.of(plain(value), Origin("variable", name))
    if isinstance(value, Mapping):
        return {key: _variable(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_variable(item, name) for item in value]
    return value
