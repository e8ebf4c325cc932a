"""Write tags into Jinja source in the template's own style, without moving a character of its output."""

from __future__ import annotations

import re
from collections.abc import Iterator

from templatefix.errors import SyntaxProblem
from templatefix.model import Span
from templatefix.syntax import INVISIBLE, Source, lex

_BEGINS = ("block_begin", "variable_begin", "comment_begin", "raw_begin")
_ENDS = ("block_end", "variable_end", "comment_end", "raw_end")
_DASHES = (("", ""), ("-", ""), ("", "-"), ("-", "-"))


class Obstacle(Exception):
    """What stands in the way of a patch.

    Args:
        reason (`str`): Why, for people.
        line (`int`): 1-based line of the statement that does; 0 where none can be told.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class CannotWrite(Obstacle):
    """No form of a tag leaves the output as it is at this place."""


def before(source: Source, offset: int, tag: str) -> str:
    """Return the text to insert at `offset`, where a statement starts, so that `tag` stands before it.

    Args:
        source (`Source`): The template.
        offset (`int`): Where the statement starts.
        tag (`str`): The tag's words, for example `generation`.

    Raises:
        CannotWrite: Whitespace control would change the output.
    """
    line = source.text[source.text.rfind("\n", 0, offset) + 1 : offset]
    own_line = f"\n{line}" if not line.strip() else None
    return _first(source, offset, _forms(tag, after=own_line, like=source.text[offset : offset + 3]))


def behind(source: Source, offset: int, tag: str, opened: int) -> str:
    """Return the text to insert at `offset`, where a statement ends, so that `tag` stands behind it.

    Args:
        source (`Source`): The template.
        offset (`int`): Where the statement ends.
        tag (`str`): The tag's words, for example `endgeneration`.
        opened (`int`): Where the opening tag stands; the closing one takes its indentation.

    Raises:
        CannotWrite: Whitespace control would change the output.
    """
    line = re.match(r"[ \t]*", source.text[source.text.rfind("\n", 0, opened) + 1 :])
    alone = source.text[offset : offset + 1] in ("\n", "") and "\n" in source.text
    own_line = f"\n{line[0]}" if alone and line else None
    following = source.text[offset:].lstrip()[:3]
    forms = _forms(tag, before=own_line, like=following)
    if not source.text.endswith(
        ("%}", "#}"), 0, offset
    ):  # the line end before the tag would be printed inside
        forms = (form for form in forms if not form.startswith("\n") or "{%-" in form)
    return _first(source, offset, forms)


def _forms(tag: str, *, before: str | None = None, after: str | None = None, like: str = "") -> Iterator[str]:
    """Forms of a tag, the most readable first."""
    dashes = _DASHES if not like.endswith("-") else (_DASHES[1], _DASHES[0], *_DASHES[2:])
    if before is not None or after is not None:
        for left, right in dashes:
            yield f"{before or ''}{{%{left} {tag} {right}%}}{after or ''}"
    for left, right in dashes:
        yield f"{{%{left} {tag} {right}%}}"
    for left, right in dashes:  # trim_blocks eats a newline after a tag
        yield f"{{%{left} {tag} {right}%}}\n"


def _first(source: Source, offset: int, forms: Iterator[str]) -> str:
    around = _around(source, offset)
    text, at = around.of(source.text), offset - around.start
    printed = _tokens(text)
    for form in forms:
        # A comment obeys the same whitespace control as a tag and needs no partner.
        comment = form.replace("{%", "{#").replace("%}", "#}")
        if _tokens(f"{text[:at]}{comment}{text[at:]}") == printed:
            return form
    line = source.position(offset)[0]
    raise CannotWrite(f"a tag at line {line} would change the whitespace around it", line)


def _around(source: Source, offset: int) -> Span:
    """Return the stretch from the tag before an offset to the tag behind it: no whitespace control reaches further."""
    start, end = 0, len(source.text)
    at = source.index_at(offset)
    for lexeme in reversed(source.lexemes[: at + 1]):
        if lexeme.kind in _BEGINS and lexeme.span.start < offset:
            start = lexeme.span.start
            break
    for lexeme in source.lexemes[at:]:
        if lexeme.kind in _ENDS and lexeme.span.start >= offset:
            end = lexeme.delimiter.end
            break
    return Span(start, end)


def _tokens(text: str) -> list[tuple[str, str]] | None:
    """Return the tokens of a stretch without comments, with neighboring data joined; `None` if it has no tokens."""
    found: list[tuple[str, str]] = []
    try:
        lexemes = lex(text)
    except SyntaxProblem:
        return None
    for lexeme in lexemes:
        if lexeme.kind in INVISIBLE or (lexeme.kind == "data" and not lexeme.text):
            continue
        text = lexeme.text.strip() if lexeme.kind.endswith(("_begin", "_end")) else lexeme.text
        if found and found[-1][0] == lexeme.kind == "data":
            found[-1] = ("data", found[-1][1] + text)
        else:
            found.append((lexeme.kind, text))
    return found


def unused(source: Source, name: str) -> str:
    """Return a name that the template does not know.

    Args:
        source (`Source`): The template.
        name (`str`): The name to take if it is free.
    """
    known = set(re.findall(r"\w+", source.text))
    return (
        name
        if name not in known
        else next(f"{name}_{at}" for at in range(2, 99) if f"{name}_{at}" not in known)
    )
