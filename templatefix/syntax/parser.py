"""Jinja's own parser, stamping each node with the span it was parsed from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, cast

from jinja2 import Environment, nodes
from jinja2.lexer import Token
from jinja2.parser import Parser

from templatefix.model import Span
from templatefix.syntax.lexer import Lexeme, Place

INVISIBLE = {
    "whitespace",
    "comment_begin",
    "comment",
    "comment_end",
    "raw_begin",
    "raw_end",
    "linecomment_begin",
    "linecomment",
    "linecomment_end",
}


class Body(list[nodes.Node]):
    """The statements between two tags.

    A `list`, so that Jinja keeps the very object in its nodes.

    Attributes:
        start (`int`): Offset after the tag that opens the body, `0` at the top.
        end (`int`): Offset of the tag that closes it, or the end of the template.
    """

    start: int = 0
    end: int = 0


def span_of(node: nodes.Node) -> Span:
    """Return the source span of a statement, output or expression.

    An expression's span includes parentheses around it. A statement's span reaches from the `{%` of its
    first tag to the `%}` of its last one.

    Raises:
        KeyError: The node has no text of its own, such as a keyword argument.
    """
    try:
        return cast("Span", node.__dict__["span"])
    except KeyError:
        raise KeyError(f"{type(node).__name__} has no span") from None


def has_span(node: nodes.Node) -> bool:
    """Whether `node` was stamped."""
    return "span" in node.__dict__


def _stamp(node: nodes.Node, start: int, end: int) -> None:
    node.__dict__["span"] = Span(start, end)


class LocatedParser(Parser):
    """A parser that stamps spans, innermost first."""

    def __init__(self, environment: Environment, source: str, lexemes: Callable[[], list[Lexeme]]) -> None:
        super().__init__(environment, source)
        # Jinja's stream is lazy; drain it first, so that the lexemes are complete and bisection is safe.
        tokens: list[Token] = list(self.stream)
        self.lexemes = [lexeme for lexeme in lexemes() if lexeme.kind not in INVISIBLE]
        self._starts = [lexeme.span.start for lexeme in self.lexemes]
        self.stream = type(self.stream)(iter(tokens), None, None)
        self.length = len(source)

    def _index(self) -> int:
        """Index of the current token among the visible lexemes; their number at the end."""
        token = self.stream.current
        if token.type == "eof":
            return len(self.lexemes)
        return bisect_left(self._starts, cast("Place", token.lineno).span.start)

    def _here(self) -> int:
        index = self._index()
        return self._starts[index] if index < len(self.lexemes) else self.length

    def _behind(self) -> int:
        """End of the last token consumed, without trimmed whitespace."""
        return self.lexemes[self._index() - 1].delimiter.end

    def stamp(self, node: nodes.Node, start: int, *, widen: bool = False) -> None:
        """Stamp `node`, and the left-nested operators that Jinja folded on the way, unless already done."""
        if widen or not has_span(node):
            _stamp(node, start, self._behind())
        inner: Any = node
        while isinstance(inner, nodes.BinExpr) and not has_span(inner.left):
            inner = inner.left
            _stamp(inner, start, span_of(inner.right).end)

    def subparse(self, end_tokens: tuple[str, ...] | None = None) -> list[nodes.Node]:
        """Parse statements up to one of `end_tokens`, one `Output` for each piece of data or print."""
        body = Body()
        index = self._index()
        body.start = self.lexemes[index - 1].delimiter.end if end_tokens and index else 0
        if end_tokens is not None:
            self._end_token_stack.append(end_tokens)
        try:
            while self.stream:
                start = self._here()
                kind = self.stream.current.type
                if kind == "block_begin":
                    next(self.stream)
                    if end_tokens is not None and self.stream.current.test_any(*end_tokens):
                        body.end = start
                        return body
                    self._statement(body, start)
                else:
                    self._output(body, start)
        finally:
            if end_tokens is not None:
                self._end_token_stack.pop()
        body.end = self.length
        return body

    def _statement(self, body: Body, start: int) -> None:
        parsed = self.parse_statement()
        self.stream.expect("block_end")
        for node in parsed if isinstance(parsed, list) else [parsed]:
            self.stamp(node, start, widen=True)
            body.append(node)

    def _output(self, body: Body, start: int) -> None:
        token = next(self.stream)
        if token.type == "data":
            leaf: nodes.Expr = nodes.TemplateData(token.value, lineno=token.lineno)
            _stamp(leaf, start, start + len(token.value))
            end = start + len(token.value)
            if not token.value:
                return
        else:
            leaf = self.parse_tuple(with_condexpr=True)
            self.stream.expect("variable_end")
            end = self._behind()
        output = nodes.Output([leaf], lineno=token.lineno)
        _stamp(output, start, end)
        body.append(output)

    def parse_primary(self, with_namespace: bool = False) -> Any:
        """Parse a name, literal or parenthesised expression; the span includes the parentheses."""
        start = self._here()
        node = super().parse_primary(with_namespace)
        self.stamp(node, start, widen=True)
        return node

    def parse_filter(self, node: nodes.Expr | None, start_inline: bool = False) -> nodes.Expr | None:
        """Parse one filter at a time, so that each of a chain is stamped."""
        if node is None or start_inline:
            return super().parse_filter(node, start_inline)
        while self.stream.current.type == "pipe":
            next(self.stream)
            start = span_of(node).start
            node = self._one_filter(node)
            self.stamp(node, start)
        return node

    def _one_filter(self, node: nodes.Expr) -> nodes.Expr:
        token = self.stream.expect("name")
        name = token.value
        while self.stream.current.type == "dot":
            next(self.stream)
            name += "." + self.stream.expect("name").value
        called = self.stream.current.type == "lparen"
        args, kwargs, dyn_args, dyn_kwargs = self.parse_call_args() if called else ([], [], None, None)
        return nodes.Filter(node, name, args, kwargs, dyn_args, dyn_kwargs, lineno=token.lineno)


def _stamped(name: str, *, postfix: bool) -> Callable[..., Any]:
    method = getattr(Parser, name)

    def parse(self: LocatedParser, *args: Any, **kwargs: Any) -> Any:
        if postfix and not has_span(args[0]):  # a sign, on its way from parse_unary
            _stamp(args[0], args[0].lineno.span.start, self._behind())
        start = span_of(args[0]).start if postfix else self._here()
        node = method(self, *args, **kwargs)
        self.stamp(node, start)
        return node

    parse.__name__ = name
    parse.__doc__ = method.__doc__ or f"Parse as `jinja2.parser.Parser.{name}` does and stamp the result."
    return parse


_GRAMMAR = ("tuple", "expression", "condexpr", "or", "and", "not", "compare")
_OPERATORS = ("math1", "concat", "math2", "pow", "unary", "list", "dict")
for _name in (*_GRAMMAR, *_OPERATORS):
    setattr(LocatedParser, f"parse_{_name}", _stamped(f"parse_{_name}", postfix=False))
for _name in ("postfix", "subscript", "call", "filter_expr", "test"):
    setattr(LocatedParser, f"parse_{_name}", _stamped(f"parse_{_name}", postfix=True))
