"""Where a value may be `Markup`, which escapes what it is joined with."""

from __future__ import annotations

from jinja2 import nodes

from templatefix.syntax.nodes import walk

_FILTERS = frozenset({"e", "escape", "forceescape", "safe", "urlize", "xmlattr"})


def markup_names(tree: nodes.Template) -> frozenset[str] | None:
    """Return the names that may hold `Markup`, or `None` if everything may.

    `'a' + b + c` is the text of its operands one after the other only if none of them is `Markup`.

    Args:
        tree (`jinja2.nodes.Template`): A parsed template.
    """
    if tree.find(nodes.ScopedEvalContextModifier) or tree.find(nodes.EvalContextModifier):
        return None
    tainted: set[str] = set()
    flows = [flow for node, _ in walk(tree) for flow in _flows(node)]
    grown = True
    while grown:
        grown = False
        for names, value in flows:
            if not names <= tainted and may_be_markup(value, frozenset(tainted)):
                tainted |= names
                grown = True
    return frozenset(tainted)


def may_be_markup(node: nodes.Node, names: frozenset[str] | None) -> bool:
    """Whether the value of an expression, or text printed in a statement, may be or hold `Markup`.

    Args:
        node (`jinja2.nodes.Node`): An expression or a statement.
        names (`frozenset[str]`, *optional*): What `markup_names` returned.
    """
    if names is None:
        return True
    found = [node, *node.find_all((nodes.Filter, nodes.FilterBlock, nodes.Name))]
    return any(
        (isinstance(each, nodes.Filter) and each.name in _FILTERS)
        or (isinstance(each, nodes.Name) and each.name in names)
        for each in found
    )


def _flows(node: nodes.Node) -> list[tuple[frozenset[str], nodes.Node]]:
    """From which expressions or statements which names get their values."""
    if isinstance(node, nodes.Assign):
        return [(_names(node.target), node.node)]
    if isinstance(node, nodes.For):
        return [(_names(node.target), node.iter)]
    if isinstance(node, nodes.AssignBlock):
        return [(_names(node.target), node)]
    if isinstance(node, nodes.Macro):
        return [(frozenset({node.name}), each) for each in node.body]
    if isinstance(
        node, nodes.Call
    ):  # a macro's parameters are unknown here: what it prints may be what it got
        callee = node.node.name if isinstance(node.node, nodes.Name) else None
        return [(frozenset({callee}), each) for each in (*node.args, *node.kwargs)] if callee else []
    return []


def _names(target: nodes.Node) -> frozenset[str]:
    found = [target, *target.find_all((nodes.Name, nodes.NSRef))]
    return frozenset(each.name for each in found if isinstance(each, nodes.Name | nodes.NSRef))
