"""Print a stretch of a template twice: marked for the assistant, as it is for the other roles."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import nodes

from templatefix.edits import apply
from templatefix.model import Edit, Span
from templatefix.syntax import Source, parse, same_without_markers, span_of
from templatefix.syntax.scope import message_of
from templatefix.synthesis.writing import CannotWrite, before, behind


def role_test(
    source: Source, node: nodes.Node, names: Sequence[str] = (), *, guess: bool = False
) -> str | None:
    """Return a test for the body of a loop over messages: whether a message is the assistant's.

    It reads the role in the template's own words.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Node`): A statement; `None` is returned for anything but such a loop.
        names (`Sequence[str]`): Other names under which the template knows the assistant.
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
            return _test(source, span_of(each).of(source.text), names)
    return _test(source, _as_role(source, own[0]), names) if own and guess else None


def previous_test(source: Source, node: nodes.Node, names: Sequence[str] = ()) -> str | None:
    """Return a test for the body of a loop over messages: whether the message before is the assistant's.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Node`): A statement; `None` is returned for anything but such a loop.
        names (`Sequence[str]`): Other names under which the template knows the assistant.
    """
    own = role_test(source, node, names)
    if own is None or not isinstance(node, nodes.For) or not isinstance(node.target, nodes.Name):
        return None
    item = node.target.name
    if not re.match(rf"{item}\b", own):  # the loop counts through the messages
        return None
    return f"loop.previtem is defined and loop.previtem{own[len(item) :]}"


def last_test(source: Source, names: Sequence[str] = ()) -> str | None:
    """Return a test for what is outside of loops: whether the last message is the assistant's.

    Args:
        source (`Source`): The template.
        names (`Sequence[str]`): Other names under which the template knows the assistant.
    """
    if any(name.ctx != "load" for name in source.tree.find_all(nodes.Name) if name.name == "messages"):
        return None
    read = ".role" if re.search(r"\w\.role\b", source.text) else "['role']"
    return f"messages and {_test(source, f'messages[-1]{read}', names)}"


def _test(source: Source, role: str, names: Sequence[str]) -> str:
    like = role if "'" in role or '"' in role else source.text
    quote = '"' if like.count('"') > like.count("'") else "'"
    told = [f"{quote}{name}{quote}" for name in ("assistant", *names) if quote not in name]
    return f"{role} in [{', '.join(told)}]" if names else f"{role} == {told[0]}"


def _key(read: nodes.Getattr | nodes.Getitem) -> object:
    return read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)


def _as_role(source: Source, read: nodes.Getattr | nodes.Getitem) -> str:
    """How the role would be read by a template that only reads other things of a message."""
    written, key = span_of(read).of(source.text), str(_key(read))
    at = written.rfind(key)
    return f"{written[:at]}role{written[at + len(key) :]}"


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
