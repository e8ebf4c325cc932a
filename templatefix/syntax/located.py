"""Parse a chat template to a tree in which everything knows its place."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from jinja2 import TemplateSyntaxError, nodes
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from templatefix.edits import Newlines
from templatefix.errors import SyntaxProblem
from templatefix.model import Span
from templatefix.syntax.lexer import Lexeme, LocatedLexer
from templatefix.syntax.markup import markup_names
from templatefix.syntax.nodes import Generation
from templatefix.syntax.parser import Body, LocatedParser, span_of

__all__ = ["Body", "Source", "lex", "parse", "span_of"]


class _Environment(ImmutableSandboxedEnvironment):
    """Delimiters, trimming and tags as in transformers."""

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
        self.located = LocatedLexer(self)

    @property
    def lexer(self) -> LocatedLexer:
        return self.located


@dataclass(frozen=True, eq=False)
class Source:
    """A parsed chat template; equal to itself alone, so that what is read of it can be cached.

    Args:
        text (`str`): The source with newlines normalised to `\\n`; all spans refer to it.
        tree (`jinja2.nodes.Template`): The tree; ask `span_of(node)` for positions.
        lexemes (`tuple[Lexeme, ...]`): Every token, comments and whitespace included.
    """

    text: str
    tree: nodes.Template
    lexemes: tuple[Lexeme, ...] = field(repr=False)

    @cached_property
    def markup(self) -> frozenset[str] | None:
        """Names that may hold `Markup`; see `templatefix.syntax.markup`."""
        return markup_names(self.tree)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(index + 1 for index, char in enumerate(self.text) if char == "\n")]

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of a character offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    @cached_property
    def _lexeme_starts(self) -> list[int]:
        return [lexeme.span.start for lexeme in self.lexemes]

    def index_at(self, offset: int) -> int:
        """Return the place in `lexemes` of the token that covers `offset`, or of the last one before it."""
        return max(bisect_right(self._lexeme_starts, offset) - 1, 0)

    def lexeme_at(self, offset: int) -> Lexeme:
        """Return the token that covers `offset`, or the last one before it."""
        return self.lexemes[self.index_at(offset)]


def lex(text: str) -> tuple[Lexeme, ...]:
    """Return the tokens of a chat template.

    Raises:
        SyntaxProblem: Jinja's lexer rejects the text.
    """
    lexer = _Environment().located
    normal = Newlines.of(text).normal
    try:
        for _ in lexer.tokeniter(normal, None):
            pass
    except TemplateSyntaxError as error:
        raise SyntaxProblem(error.message or "syntax error", int(error.lineno)) from error
    return tuple(lexer.lexemes)


def parse(text: str, *, where: str = "") -> Source:
    """Parse a chat template. Equal texts share one tree, which nobody may change.

    Args:
        text (`str`): Jinja source with any line ends.
        where (`str`, *optional*): The place to name in errors.

    Raises:
        SyntaxProblem: The template does not parse; carries the line and the parser's words.
    """
    try:
        return _remembered(Newlines.of(text).normal)
    except SyntaxProblem as error:
        raise SyntaxProblem(error.message, error.line, where=where) from error.__cause__


def parse_unshared(text: str) -> Source:
    """Parse a chat template to a tree that the caller may change; see [`parse`]."""
    environment = _Environment()
    lexer = environment.located
    normal = Newlines.of(text).normal
    try:
        parser = LocatedParser(environment, normal, lambda: lexer.lexemes)
        tree = parser.parse()
    except TemplateSyntaxError as error:
        raise SyntaxProblem(error.message or "syntax error", int(error.lineno)) from error
    except RecursionError:
        raise SyntaxProblem("it is nested too deeply", 1) from None
    return Source(normal, tree, tuple(lexer.lexemes))


_remembered = lru_cache(maxsize=16)(parse_unshared)


def position(text: str, span: Span) -> tuple[int, int]:
    """Return the 1-based line and column at which `span` starts in `text`."""
    head = text[: span.start]
    return head.count("\n") + 1, span.start - (head.rfind("\n") + 1) + 1
