"""Print a stretch of a template twice: marked for the assistant, as it is for the other roles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.edits import apply
from templatefix.model import Edit, Span, Turns
from templatefix.syntax import Source, parse, same_without_markers, span_of
from templatefix.syntax.scope import message_of
from templatefix.synthesis.writing import CannotWrite, before, behind


@dataclass(frozen=True, slots=True)
class Trained:
    """Whose messages are to be trained.

    Args:
        names (`tuple[str, ...]`): Other names under which the template knows the assistant.
        turns (`str`): Which of its messages; see [`Policy`].
    """

    names: tuple[str, ...] = ()
    turns: Turns = "all"


ALL = Trained()
"""Every message of the assistant."""


def role_test(source: Source, node: nodes.Node, trained: Trained = ALL, *, guess: bool = False) -> str | None:
    """Return a test for the body of a loop over messages: whether a message is the assistant's, to be trained.

    It reads the role in the template's own words.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Node`): A statement; `None` is returned for anything but such a loop.
        trained (`Trained`): Whose messages to ask for.
        guess (`bool`): If nothing reads the role, write it as the template reads other things of the loop's items.
    """
    if not isinstance(node, nodes.For) or not isinstance(node.target, nodes.Name):
        return None
    holder = message_of(node)
    if holder is None:  # then it need not be the message any more
        return None
    reads: list[nodes.Getattr | nodes.Getitem] = [
        *node.find_all(nodes.Getattr),
        *node.find_all(nodes.Getitem),
    ]
    own = [each for each in reads if each.node == holder and isinstance(_key(each), str)]
    for each in own:
        if _key(each) == "role":
            return _test(source, span_of(each).of(source.text), trained)
    return (
        _test(source, _with_key(span_of(own[0]).of(source.text), _key(own[0])), trained)
        if own and guess
        else None
    )


def previous_test(source: Source, node: nodes.Node, trained: Trained = ALL) -> str | None:
    """Return a test for the body of a loop over messages: whether the message before is the assistant's, to be trained.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Node`): A statement; `None` is returned for anything but such a loop.
        trained (`Trained`): Whose messages to ask for.
    """
    own = role_test(source, node, trained)
    if own is None or not isinstance(node, nodes.For) or not isinstance(node.target, nodes.Name):
        return None
    item = rf"\b{node.target.name}\b(?=[.\[])"
    if (
        not re.match(item, own) or trained.turns == "last"
    ):  # the loop counts through the messages; nothing is behind
        return None
    return f"loop.previtem is defined and {re.sub(item, 'loop.previtem', own)}"


def last_test(source: Source, trained: Trained = ALL) -> str | None:
    """Return a test for what is outside of loops: whether the last message is the assistant's, to be trained.

    Args:
        source (`Source`): The template.
        trained (`Trained`): Whose messages to ask for.
    """
    if any(name.ctx != "load" for name in source.tree.find_all(nodes.Name) if name.name == "messages"):
        return None
    read = ".role" if re.search(r"\w\.role\b", source.text) else "['role']"
    return f"messages and {_test(source, f'messages[-1]{read}', trained)}"


def _test(source: Source, role: str, trained: Trained) -> str:
    """Write a test of a message, given how its role is read."""
    like = role if "'" in role or '"' in role else source.text
    quote = '"' if like.count('"') > like.count("'") else "'"
    named = [f"{quote}{name}{quote}" for name in ("assistant", *trained.names) if quote not in name]
    test = f"{role} in [{', '.join(named)}]" if trained.names else f"{role} == {named[0]}"
    message = re.sub(r"""(\.role|\[['"]role['"]\])$""", "", role)
    if trained.turns == "last" and message != "messages[-1]":
        return f"{test} and {message} is sameas messages[-1]"
    if trained.turns == "weighted":
        weight, train = (_with_key(role, "role", key) for key in ("weight", "train"))
        return f"{test} and {weight} != 0 and {train} != false"
    return test


def _key(read: nodes.Getattr | nodes.Getitem) -> object:
    return read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)


def _with_key(read: str, key: object, other: str = "role") -> str:
    """How another key would be read by a template that reads one of a message."""
    at = read.rfind(str(key))
    return f"{read[:at]}{other}{read[at + len(str(key)) :]}"


def guarded(source: Source, stretch: Span, inner: Sequence[Edit], test: str, *, same: bool = True) -> Edit:
    """Return the edit that puts a stretch of statements behind a test of the role.

    Args:
        source (`Source`): The template.
        stretch (`Span`): The statements.
        inner (`Sequence[Edit]`): What marks them for the assistant.
        test (`str`): What is true there of the assistant's messages.
        same (`bool`): Whether what marks them leaves the program as it is; if not, only the guard is checked.

    Raises:
        CannotWrite: Whitespace control would change the output.
    """
    opening = before(source, stretch.start, f"if {test}")
    closing = behind(source, stretch.end, "endif", stretch.start)
    right = "-%}" if "-%}" in opening else "%}"
    otherwise = closing.replace("endif", "else").replace("-%}", "%}").replace("%}", right)
    otherwise += opening.partition("%}")[2]
    plain = stretch.of(source.text)
    marked = apply(plain, [_moved(edit, -stretch.start) for edit in inner])
    for unit in _units(opening):
        first, second, other = (
            f"{unit}{each}".replace("\n", f"\n{unit}") for each in (marked, plain, marked if same else plain)
        )
        edit = Edit(stretch, f"{opening}{first}{otherwise}{second}{closing}")
        checked = Edit(stretch, f"{opening}{other}{otherwise}{second}{closing}")
        if same_without_markers(source, parse(apply(source.text, [checked]))):
            return edit
    line = source.position(stretch.start)[0]
    raise CannotWrite(f"a guard in line {line} would change the whitespace around it", line)


def _units(opening: str) -> tuple[str, ...]:
    """By what to indent what a guard encloses; by nothing where indentation may be printed."""
    if opening.endswith("\t"):
        return ("\t", "")
    return ("    ", "") if opening.endswith(" ") else ("",)


def _moved(edit: Edit, by: int) -> Edit:
    return Edit(Span(edit.span.start + by, edit.span.end + by), edit.text)
