"""Whether an output can run in an assistant's turn, as far as the tests around it tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jinja2 import nodes

from templatefix.syntax import branches


def possible(node: nodes.Node, above: Sequence[nodes.Node], role: str = "assistant") -> bool:
    """Whether the tests around an output let it run for a message of that role.

    Only tests that read the role of a loop's own item are understood; any other may be true or false.

    Args:
        node (`jinja2.nodes.Node`): The output.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
        role (`str`): The role.
    """
    targets = loop_targets(above)
    targets |= _aliases(above, targets)
    if any(_jumps(each, role, targets) for each in _before(node, above)):
        return False
    return all(truth(test, role, targets) in (wanted, None) for test, wanted in _tests(node, above))


def loop_targets(above: Sequence[nodes.Node]) -> set[str]:
    """Names of the loop variables in scope below these ancestors."""
    loops = [each for each in above if isinstance(each, nodes.For)]
    return {loop.target.name for loop in loops if isinstance(loop.target, nodes.Name)}


def _aliases(above: Sequence[nodes.Node], targets: set[str]) -> set[str]:
    """Names that only ever hold the role itself, as in `{% set role = message.role | lower %}`."""
    found: dict[str, bool] = {}
    for loop in [each for each in above if isinstance(each, nodes.For)][:1]:
        for assignment in loop.find_all(nodes.Assign):
            value = assignment.node
            while (
                isinstance(value, nodes.Filter) and value.name in ("lower", "trim") and value.node is not None
            ):
                value = value.node
            if isinstance(assignment.target, nodes.Name):
                name = assignment.target.name
                found[name] = found.get(name, True) and _reads_role(value, targets)
    return {name for name, only in found.items() if only}


def _tests(node: nodes.Node, above: Sequence[nodes.Node]) -> Iterator[tuple[nodes.Node, bool]]:
    """The tests that decide whether the node runs, and what each must be."""
    path = [*above, node]
    for outer, inner in pairwise(path):
        if not isinstance(outer, nodes.If):
            continue
        if any(inner is each for each in outer.body):
            yield outer.test, True
            continue
        yield outer.test, False
        arms = outer.elif_
        before = [each for each in arms if each is not inner]
        if any(inner is each for each in arms):
            before = arms[: next(at for at, each in enumerate(arms) if each is inner)]
        for each in before:
            yield each.test, False


def _before(node: nodes.Node, above: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    """The statements of the same loop that have run when the node does."""
    path = [*above, node]
    for outer, inner in pairwise(path):
        for body in branches(outer):
            at = next((at for at, each in enumerate(body) if each is inner), None)
            yield from body[:at] if at is not None else []


def _jumps(statement: nodes.Node, role: str, targets: set[str]) -> bool:
    """Whether a statement surely ends the loop's turn for a message of that role."""
    if isinstance(statement, nodes.Break | nodes.Continue):
        return True
    if not isinstance(statement, nodes.If):
        return False
    for arm in (statement, *statement.elif_):
        held = truth(arm.test, role, targets)
        if held is not False:
            return held is True and any(_jumps(each, role, targets) for each in arm.body)
    return any(_jumps(each, role, targets) for each in statement.else_)


def truth(test: nodes.Node, role: str, targets: set[str]) -> bool | None:
    """Evaluate a test for one role; `None` where it depends on something else.

    Args:
        test (`jinja2.nodes.Node`): The test.
        role (`str`): The message's role.
        targets (`set[str]`): Names that stand for the message.
    """
    if isinstance(test, nodes.Not):
        inner = truth(test.node, role, targets)
        return None if inner is None else not inner
    if isinstance(test, nodes.And | nodes.Or):
        sides = (truth(test.left, role, targets), truth(test.right, role, targets))
        decisive = isinstance(test, nodes.Or)
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    if isinstance(test, nodes.Compare) and len(test.ops) == 1 and _reads_role(test.expr, targets):
        return _compare(test.ops[0], role)
    return None


def _reads_role(node: nodes.Node, targets: set[str]) -> bool:
    if isinstance(node, nodes.Name):
        return (
            node.name in targets
        )  # of the names compared with a role's name, only an alias can be equal to it
    if not isinstance(node, nodes.Getattr | nodes.Getitem):
        return False
    key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    return key == "role" and isinstance(node.node, nodes.Name) and node.node.name in targets


def _compare(operand: nodes.Operand, role: str) -> bool | None:
    value = operand.expr
    if operand.op in ("eq", "ne") and isinstance(value, nodes.Const):
        return (value.value == role) is (operand.op == "eq")
    if operand.op in ("in", "notin") and isinstance(value, nodes.List | nodes.Tuple):
        items = [item.value for item in value.items if isinstance(item, nodes.Const)]
        if len(items) == len(value.items):
            return (role in items) is (operand.op == "in")
    return None
