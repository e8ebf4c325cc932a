"""Where expected text begins and ends within an output, in all of its executions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jinja2 import nodes

from templatefix.syntax import Source
from templatefix.syntax.chain import atoms, is_literal
from templatefix.synthesis.outputs import Cut, Leaf, Run
from templatefix.synthesis.parting import Parting, part_end, part_start


def start_of(source: Source, node: nodes.Output, runs: Sequence[Run], part: bool) -> Cut | Parting | None:
    """Return where expected text begins in an output; `None` if at a place that varies.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Output`): The output.
        runs (`list[Run]`): Its executions.
        part (`bool`): Whether values may be taken apart.
    """
    begun = [run for run in runs if run.inside or run.starts]
    usable = _usable(source, node, frozenset.intersection(*(run.starts for run in begun)))
    if usable:
        return Cut(0, 0) if Cut(0, 0) in usable else max(usable)
    return part_start(begun) if part and _has_values(node) else None


def end_of(
    source: Source, node: nodes.Output, leaf: Leaf, inside: Sequence[Run], part: bool
) -> tuple[Cut | Parting | None, bool]:
    """Return where expected text ends in an output, and whether exactly there; `None` if at a place that varies.

    Args:
        source (`Source`): The template.
        node (`jinja2.nodes.Output`): The output.
        leaf (`Leaf`): What the probes saw of it.
        inside (`list[Run]`): Its executions that print expected text.
        part (`bool`): Whether values may be taken apart.
    """
    for exact, ends in ((True, [run.ends for run in inside]), (False, [run.loose_ends for run in inside])):
        usable = _usable(source, node, frozenset.intersection(*ends))
        if usable:
            return (Cut(leaf.atoms, 0) if Cut(leaf.atoms, 0) in usable else min(usable)), exact
        parting = part_end(inside) if part and _has_values(node) else None
        if parting is not None:
            return parting, exact
    return None, False


def _usable(source: Source, node: nodes.Output, cuts: Iterable[Cut]) -> list[Cut]:
    """The places at which an output can be cut: between operands, in raw text and in literals."""
    if not _has_values(node):
        return list(cuts)
    found = atoms(node.nodes[0], source.text, source.markup)
    return [cut for cut in cuts if cut.offset == 0 or is_literal(found[cut.atom])]


def _has_values(node: nodes.Output) -> bool:
    return len(node.nodes) == 1 and not isinstance(node.nodes[0], nodes.TemplateData)
