"""Outputs that no probe reached and that write a whole header: where their own words say the expected text stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from jinja2 import nodes

from templatefix.coverage import loop_targets, possible
from templatefix.probes import of_others
from templatefix.syntax import Source
from templatefix.syntax.chain import atoms, is_literal
from templatefix.synthesis.outputs import Cut, Leaf

_OTHERS = ("user", "system", "tool")


def owned(node: nodes.Node, above: Sequence[nodes.Node]) -> bool:
    """Whether the tests around a statement let it run for an assistant's message, and for no other.

    Args:
        node (`jinja2.nodes.Node`): The statement.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
    """
    return possible(node, above) and not any(possible(node, above, role) for role in _OTHERS)


def reads_message(output: nodes.Output, above: Sequence[nodes.Node]) -> bool:
    """Whether an output prints something of the item that its loop is at, or of what is in that, and nothing else.

    Not where a literal stands beside it, which may be a header, nor what a tool answered.

    Args:
        output (`jinja2.nodes.Output`): The output.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
    """
    targets = loop_targets(above)
    read = [output, *(each.iter for each in above if isinstance(each, nodes.For))]
    keys = [
        each.attr
        for root in read
        for each in (root, *root.find_all(nodes.Getattr))
        if isinstance(each, nodes.Getattr)
    ]
    words = [
        each.value for root in read for each in root.find_all(nodes.Const) if isinstance(each.value, str)
    ]
    names = [
        name.name
        for root in read
        for name in (root, *root.find_all(nodes.Name))
        if isinstance(name, nodes.Name)
    ]
    if any(of_others(each) for each in (*keys, *words, *names)):
        return False
    only = output.nodes[0]
    plain = len(output.nodes) == 1 and not isinstance(only, nodes.TemplateData | nodes.Add | nodes.Concat)
    return plain and any(name.name in targets for name in output.find_all(nodes.Name))


def headers_in(seen: Iterable[Leaf]) -> set[str]:
    """Return what outputs print before expected text in the same execution.

    Args:
        seen (`Iterable[Leaf]`): What the probes saw of each output.
    """
    before = {
        "".join(run.texts[: cut.atom]) + "".join(run.texts[cut.atom : cut.atom + 1])[: cut.offset]
        for leaf in seen
        for run in leaf.runs
        for cut in run.starts
        if run.inside
    }
    return {each for each in before if each.strip()}


def span_within(
    source: Source, output: nodes.Output, headers: Collection[str]
) -> tuple[Cut, Cut | None] | None:
    """Return where expected text starts and ends in an output that begins with a header and prints more.

    The second is `None` where it ends with the output.

    Args:
        source (`Source`): The template.
        output (`jinja2.nodes.Output`): An output of one expression, or of template data.
        headers (`Collection[str]`): What opens assistant turns.
    """
    if len(output.nodes) != 1:
        return None
    expression = output.nodes[0]
    data = isinstance(expression, nodes.TemplateData)
    found = [expression] if data else atoms(expression, source.text, source.markup)
    texts = [_text(each) for each in found]
    first, last = texts[0], texts[-1]
    header = max((each for each in headers if first and first.startswith(each)), key=len, default="")
    if not header or (len(found) == 1 and first is not None and not first[len(header) :].strip()):
        return None
    start = Cut(0, len(header)) if first and len(header) < len(first) else Cut(1, 0)
    closing = last.rstrip() if last else ""
    trailing = bool(last) and len(closing) < len(last or "")
    return start, Cut(len(found) - 1, len(closing)) if closing and trailing else None


def _text(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.TemplateData):
        return node.data
    return node.value if isinstance(node, nodes.Const) and is_literal(node) else None
