"""Whose each output of a template is, and what of it no assistant's turn printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from jinja2 import nodes

from templatefix.coverage.arms import Text, texts_of
from templatefix.coverage.observe import Observer
from templatefix.coverage.paths import loop_targets
from templatefix.coverage.reach import known_tests, possible
from templatefix.syntax import is_generation, span_of
from templatefix.syntax.chain import atoms, is_literal

_NOT_TEXT = {"role", "name"}  # what a header may say of a message


@dataclass
class Outputs:
    """The outputs of a template, as far as an observer has seen them.

    Args:
        observer (`Observer`): What the probes have reached so far.
    """

    observer: Observer

    def kinds(self) -> list[tuple[int, str]]:
        """Each output in a loop over messages that prints more than whitespace, and whose it is.

        What only another name of the assistant reaches is left out: those messages must be printed and marked like the
        assistant's own.
        """
        every = self.observer.source.tree.find_all(nodes.For)
        loops = {
            id(each) for each in every if span_of(each).start in self.observer.loops
        } | self._message_loops
        ran = {leaf for leaf, _ in self.observer.ran}
        kinds = []
        for index, output in enumerate(self.observer.leaves):
            above = self.observer.places[id(output)]
            apart = index not in ran and _calls(output) & self._going
            if not (apart or any(id(each) in loops for each in above)) or _silent(output):
                continue
            marked, owned = any(is_generation(each) for each in above), possible(output, above)
            if not owned and any(possible(output, above, name) for name in self.observer.analysis.aliases):
                continue
            if marked and (not owned or self._offered(output, above)):
                kinds.append((index, "foreign"))
            else:
                kinds.append((index, "others" if not owned else "marked" if marked else "unmarked"))
        return kinds

    def _offered(self, output: nodes.Output, above: Sequence[nodes.Node]) -> bool:
        """Whether an output prints tools or documents on offer: no part of any message."""
        loops = [each.iter for each in above if isinstance(each, nodes.For)]
        return any(
            isinstance(name, nodes.Name) and name.name in self._given
            for root in (output, *loops)
            for name in (root, *root.find_all(nodes.Name))
        )

    @cached_property
    def _given(self) -> set[str]:
        """Names that hold tools or documents on offer, as far as assignments tell."""
        names = {"tools", "documents"}
        assigned = [
            each
            for each in self.observer.source.tree.find_all(nodes.Assign)
            if isinstance(each.target, nodes.Name)
        ]
        for _ in assigned:
            names |= {
                each.target.name
                for each in assigned
                for name in (each.node, *each.node.find_all(nodes.Name))
                if isinstance(each.target, nodes.Name) and isinstance(name, nodes.Name) and name.name in names
            }
        return names

    def reached(self, index: int, kind: str) -> bool:
        """Whether an assistant's turn ran the output, and each operand that reads the message printed something."""
        if kind in ("others", "foreign"):
            return any(leaf == index for leaf, _ in self.observer.ran)
        if (index, "assistant") not in self.observer.ran:
            return False
        output = self.observer.leaves[index]
        if len(output.nodes) != 1:
            return True
        above = self.observer.places[id(output)]
        texts = loop_targets(above) | _set_in_loops(above)
        found = atoms(output.nodes[0], self.observer.source.text, self.observer.source.markup)
        return all(
            (index, at) in self.observer.printed
            for at, atom in enumerate(found)
            if not is_literal(atom) and _reads_text(atom, texts)
        )

    @cached_property
    def _message_loops(self) -> set[int]:
        return {id(each) for each in self.observer.source.tree.find_all(nodes.For) if _over_messages(each)}

    @cached_property
    def _going(self) -> set[str]:
        return _going_through(self.observer.source.tree)

    def left_out(self, index: int) -> list[Text]:
        """Return the texts of an output that no assistant's turn printed."""
        output = self.observer.leaves[index]
        place = span_of(output).start
        known = known_tests(output, self.observer.places[id(output)])
        found = texts_of(output, self.observer.analysis.variables, known)
        return [each for each in found if (each.at, place) not in self.observer.texts]

    def unprinted(self) -> list[nodes.Expr]:
        """Return the tests of inline ifs that keep a text from every assistant's turn."""
        kinds = [index for index, kind in self.kinds() if kind != "others"]
        return [text.test for index in kinds for text in self.left_out(index) if text.test]


def _set_in_loops(above: Sequence[nodes.Node]) -> set[str]:
    loops = [each for each in above if isinstance(each, nodes.For)]
    return {
        name.name
        for loop in loops[:1]
        for assignment in loop.find_all(nodes.Assign)
        for name in [assignment.target, *assignment.target.find_all(nodes.Name)]
        if isinstance(name, nodes.Name)
    }


def _reads_text(atom: nodes.Expr, names: set[str]) -> bool:
    """Whether an operand reads what a message says, and not only who says it."""
    reads = [*atom.find_all(nodes.Name)] if not isinstance(atom, nodes.Name) else [atom]
    about = {
        id(each.node)
        for each in [atom, *atom.find_all((nodes.Getattr, nodes.Getitem))]
        if isinstance(each, nodes.Getattr | nodes.Getitem)
        and (each.attr if isinstance(each, nodes.Getattr) else getattr(each.arg, "value", None)) in _NOT_TEXT
    }
    return any(name.name in names and id(name) not in about for name in reads)


def constant(output: nodes.Output) -> str | None:
    """What an output prints that prints the same every time."""
    only = output.nodes[0]
    if isinstance(only, nodes.TemplateData):
        return only.data
    return only.value if isinstance(only, nodes.Const) and is_literal(only) else None


def _silent(output: nodes.Output) -> bool:
    """Whether an output prints whitespace at most, or raises."""
    only, printed = output.nodes[0], constant(output)
    raises = (
        isinstance(only, nodes.Call)
        and isinstance(only.node, nodes.Name)
        and only.node.name == "raise_exception"
    )
    return raises or (printed is not None and not printed.strip())


def _over_messages(loop: nodes.For) -> bool:
    """Whether a loop reads what its items say: it goes through messages, whether it ran or not."""
    if not isinstance(loop.target, nodes.Name):
        return False
    reads: list[nodes.Getattr | nodes.Getitem] = [
        *loop.find_all(nodes.Getattr),
        *loop.find_all(nodes.Getitem),
    ]
    own = [each for each in reads if isinstance(each.node, nodes.Name) and each.node.name == loop.target.name]
    keys = {
        each.attr if isinstance(each, nodes.Getattr) else getattr(each.arg, "value", None) for each in own
    }
    return "content" in keys and any(True for _ in loop.find_all(nodes.Output))


def _going_through(tree: nodes.Template) -> set[str]:
    """The macros that go through messages."""
    macros = tree.find_all(nodes.Macro)
    return {macro.name for macro in macros if any(_over_messages(each) for each in macro.find_all(nodes.For))}


def _calls(output: nodes.Output) -> set[str]:
    return {call.node.name for call in output.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}
