"""What stands on the way to a statement: loops, tests, and what has run before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jinja2 import nodes

from templatefix.syntax import branches
from templatefix.syntax.nodes import remembered
from templatefix.syntax.scope import message_of, stored


def loop_targets(above: Sequence[nodes.Node]) -> set[str]:
    """Names of the loop variables in scope below these ancestors, and of the items that they count."""
    loops = [each for each in above if isinstance(each, nodes.For)]
    own = {loop.target.name for loop in loops if isinstance(loop.target, nodes.Name)}
    return own.union(*map(_counted, loops))


@remembered
def _counted(loop: nodes.For) -> set[str]:
    """Names that a loop over indices gives its items, as in `{% set message = messages[i] %}`."""
    item = message_of(loop)
    anew = [name for each in loop.body for name in stored(each)]
    return {
        each.target.name
        for each in loop.body
        if isinstance(each, nodes.Assign) and isinstance(each.target, nodes.Name) and each.node == item
        if anew.count(each.target.name) == 1
    }


def tests_around(node: nodes.Node, above: Sequence[nodes.Node]) -> Iterator[tuple[nodes.Node, bool]]:
    """Yield the tests that decide whether the node runs, and what each must be.

    Args:
        node (`jinja2.nodes.Node`): A statement.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
    """
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


def run_before(node: nodes.Node, above: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    """Yield the statements of the same loop that have run when the node does.

    Args:
        node (`jinja2.nodes.Node`): A statement.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
    """
    path = [*above, node]
    for outer, inner in pairwise(path):
        for body in branches(outer):
            at = next((at for at, each in enumerate(body) if each is inner), None)
            yield from body[:at] if at is not None else []
