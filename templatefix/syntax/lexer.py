"""Jinja's own lexer, with the exact source span of each token.

Jinja copies a token's `lineno` into every node it builds. We hand it a `Place`: an `int` that also
carries the token's span, so positions reach the parser without a fork of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment
from jinja2.lexer import TOKEN_DATA, Lexer

from templatefix.model import Span


class Place(int):
    """A line number that knows the span of its token."""

    span: Span

    def __new__(cls, line: int, span: Span) -> Place:
        """Make the place of a token that starts on `line` and covers `span`."""
        place = super().__new__(cls, line)
        place.span = span
        return place


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One token as it stands in the source.

    Args:
        kind (`str`): Jinja's token type, for example `block_begin`, `data` or `name`.
        text (`str`): The token's text. A closing delimiter includes the whitespace it trims.
        span (`Span`): Where `text` stands.
    """

    kind: str
    text: str
    span: Span

    @property
    def delimiter(self) -> Span:
        """The span without the whitespace that a closing delimiter trims."""
        return Span(self.span.start, self.span.start + len(self.text.rstrip()))


class LocatedLexer(Lexer):
    """A lexer whose tokens carry a `Place` instead of a bare line number."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.lexemes: list[Lexeme] = []

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        """Yield `(place, kind, text)`; keep what was yielded in `lexemes`."""
        self.lexemes = []
        cursor = 0
        for line, kind, text in super().tokeniter(source, name, filename, state):
            # Data starts exactly at the cursor: stripping only ever cuts its right end. What was cut
            # is whitespace, and stands before the next token.
            if kind != TOKEN_DATA:
                while not source.startswith(text, cursor):
                    cursor += 1
            span = Span(cursor, cursor + len(text))
            cursor = span.end
            self.lexemes.append(Lexeme(kind, text, span))
            yield Place(line, span), kind, text
