"""Outputs that no probe reached in an assistant's turn: what was never printed was never judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from templatefix.errors import RenderError
from templatefix.judge.reach import loop_targets, possible
from templatefix.probes import Probe
from templatefix.render import Tracer, leaves
from templatefix.syntax import Source, is_generation, span_of, walk
from templatefix.syntax.chain import atoms, is_literal

_NOT_TEXT = {"role", "name"}  # what a header may say of a message


@dataclass(frozen=True, slots=True)
class Coverage:
    """Lines of outputs in loops over messages that no probe made an assistant's turn print.

    Args:
        marked (`tuple[int, ...]`): Those inside a generation block: taken to be right, not tested.
        unmarked (`tuple[int, ...]`): Those outside, although an assistant's turn may reach them: a hole.
        others (`tuple[int, ...]`): Those that no assistant's turn can reach, and no probe did at all.
    """

    marked: tuple[int, ...] = ()
    unmarked: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


def coverage(source: Source, variables: Mapping[str, Any], probes: Sequence[Probe]) -> Coverage:
    """Say which outputs of a template with markers no probe reached.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`): Special tokens.
        probes (`Sequence[Probe]`): The conversations.
    """
    ran, printed, loops = _observe(source, variables, probes)
    places = {id(node): above for node, above in walk(source.tree)}
    lines: dict[str, set[int]] = {"marked": set(), "unmarked": set(), "others": set()}
    for index, output in enumerate(leaves(source)):
        above = places[id(output)]
        if not any(id(each) in loops for each in above) or _silent(output):
            continue
        reached = _reached(source, output, index, above, ran, printed)
        if possible(output, above):
            kind = "marked" if any(is_generation(each) for each in above) else "unmarked"
        else:
            kind, reached = "others", any(leaf == index for leaf, _ in ran)
        if not reached:
            lines[kind].add(source.position(span_of(output).start)[0])
    return Coverage(**{kind: tuple(sorted(found)) for kind, found in lines.items()})


def _observe(
    source: Source, variables: Mapping[str, Any], probes: Sequence[Probe]
) -> tuple[set[tuple[int, str]], set[tuple[int, int]], set[int]]:
    """Which outputs ran for which role, which of their operands printed for the assistant, and the message loops."""
    tracer = Tracer(source, variables)
    ran: set[tuple[int, str]] = set()
    printed: set[tuple[int, int]] = set()
    for probe in probes:
        for prompt in (False, True):
            try:
                traced = tracer.run(probe.messages, **{**probe.arguments, "add_generation_prompt": prompt})
            except RenderError:
                continue
            for piece in traced.pieces:
                role = "" if piece.message is None else str(probe.messages[piece.message]["role"])
                ran.add((piece.leaf, role))
                if role == "assistant" and len(piece.span):
                    printed.add((piece.leaf, piece.atom))
    found = leaves(source)
    of_messages = {id(found[leaf]) for leaf, role in ran if role}
    loops = {
        id(each)
        for node, above in walk(source.tree)
        if id(node) in of_messages
        for each in above
        if isinstance(each, nodes.For)
    }
    return ran, printed, loops


def _reached(
    source: Source,
    output: nodes.Output,
    index: int,
    above: Sequence[nodes.Node],
    ran: set[tuple[int, str]],
    printed: set[tuple[int, int]],
) -> bool:
    """Whether an assistant's turn ran the output, and each operand that reads the message printed something."""
    if (index, "assistant") not in ran:
        return False
    if len(output.nodes) != 1:
        return True
    texts = loop_targets(above) | _set_in_loops(above)
    found = atoms(output.nodes[0], source.text, source.markup)
    return all(
        (index, at) in printed
        for at, atom in enumerate(found)
        if not is_literal(atom) and _reads_text(atom, texts)
    )


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


def _silent(output: nodes.Output) -> bool:
    """Whether an output prints whitespace at most, or raises."""
    only = output.nodes[0]
    if isinstance(only, nodes.TemplateData):
        return not only.data.strip()
    raises = (
        isinstance(only, nodes.Call)
        and isinstance(only.node, nodes.Name)
        and only.node.name == "raise_exception"
    )
    return raises or (is_literal(only) and not str(getattr(only, "value", "")).strip())
