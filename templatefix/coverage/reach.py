"""Whether an output can run in an assistant's turn, as far as the tests around it tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from jinja2 import nodes

from templatefix.coverage.paths import loop_targets, run_before, tests_around
from templatefix.syntax import span_of, walk
from templatefix.syntax.nodes import remembered

Known = Mapping[str, frozenset[Any]]
NOTHING: Known = MappingProxyType({})
_Setting = tuple[int, str, str | bool | None, bool]
_PLAIN = ("lower", "trim", "string", "default", "d", "strip")
"""Filters and methods that leave the name of a role as it is, if it is in lower case without whitespace round it."""


def possible(node: nodes.Node, above: Sequence[nodes.Node], role: str = "assistant") -> bool:
    """Whether the tests around an output let it run for a message of that role.

    Only tests that read the role of a loop's own item are understood; any other may be true or false.

    Args:
        node (`jinja2.nodes.Node`): The output.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
        role (`str`): The role.
    """
    known: dict[str, bool] = node.__dict__.setdefault(f"{__name__}.possible", {})
    if role not in known:
        known[role] = _possible(node, above, role)
    return known[role]


def known_tests(
    node: nodes.Node, above: Sequence[nodes.Node], role: str = "assistant"
) -> Callable[[nodes.Node], bool | None]:
    """Return a function that evaluates tests in an output for one role; see `truth`.

    Args:
        node (`jinja2.nodes.Node`): The output.
        above (`Sequence[jinja2.nodes.Node]`): Its ancestors, outermost first.
        role (`str`): The role.
    """
    targets = loop_targets(above)
    known = _known(node, above, role, targets)
    return lambda test: truth(test, role, targets, known)


def _possible(node: nodes.Node, above: Sequence[nodes.Node], role: str) -> bool:
    tests = [*tests_around(node, above)]
    if any(wanted and _reads_flag(test) for test, wanted in tests):
        return False  # a generation prompt: no turn of a conversation
    targets = loop_targets(above)
    known = _known(node, above, role, targets)
    before = [*run_before(node, above)]
    if any(_jumps(each, role, targets, known) for each in before):
        return False
    if before and any(
        held is not wanted for test, wanted in tests for held in _demanded(before, test, role, targets)
    ):
        return False
    return all(truth(test, role, targets, known) in (wanted, None) for test, wanted in tests)


def _reads_flag(test: nodes.Node) -> bool:
    """Whether a test can only be true where a generation prompt is asked for."""
    if isinstance(test, nodes.And):
        return _reads_flag(test.left) or _reads_flag(test.right)
    return isinstance(test, nodes.Name) and test.name == "add_generation_prompt"


def _known(node: nodes.Node, above: Sequence[nodes.Node], role: str, targets: set[str]) -> Known:
    """Names that depend on the role alone where the node stands, and their values.

    Example:
        `{% set role = 'model' %}` → `{"role": {"model"}}`; `{% set own = message.role == 'assistant' %}` →
        `{"own": {True}}` for the assistant
    """
    found: dict[str, frozenset[Any] | None] = {
        name: frozenset([value])
        for name, (at, value) in _constants(above[0]).items()
        if at < span_of(node).start
    }
    for loop in [each for each in above if isinstance(each, nodes.For)][:1]:
        for at, name, value, sure in _settings(loop, role, targets):
            if at > span_of(node).start:
                break
            before = frozenset() if sure else found.get(name)
            found[name] = before | {value} if before is not None and value is not None else None
    return {name: values for name, values in found.items() if values}


def _settings(loop: nodes.For, role: str, targets: set[str]) -> list[_Setting]:
    """Assignments in a loop that may run for a role: offset, name, the value it is set to, and whether it surely runs.

    The value is `None` where it is not known.
    """
    known: dict[Any, list[_Setting]]
    known = loop.__dict__.setdefault(f"{__name__}.settings", {})
    key = role, frozenset(targets)
    if key not in known:
        found = known[key] = []
        for each, over, name in _assignments(loop):
            answers = [(truth(test, role, targets), wanted) for test, wanted in tests_around(each, over)]
            if any(held is not None and held is not wanted for held, wanted in answers):
                continue  # never runs for this role
            sure = all(held is wanted for held, wanted in answers)
            nested = any(isinstance(outer, nodes.For) for outer in over[1:])
            value = None if nested else _role_named(each.node, role, targets)
            found.append((span_of(each).start, name, value, sure))
    return known[key]


@remembered
def _assignments(loop: nodes.For) -> list[tuple[nodes.Assign, tuple[nodes.Node, ...], str]]:
    return [
        (each, over, each.target.name)
        for each, over in walk(loop)
        if isinstance(each, nodes.Assign) and isinstance(each.target, nodes.Name)
    ]


@remembered
def _constants(tree: nodes.Node) -> dict[str, tuple[int, str]]:
    """Names that a template sets once and outright to a text, and where."""
    stores = Counter(name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param"))
    found = [each for each in getattr(tree, "body", []) if isinstance(each, nodes.Assign)]
    return {
        each.target.name: (span_of(each).start, each.node.value)
        for each in found
        if isinstance(each.target, nodes.Name) and stores[each.target.name] == 1
        if isinstance(each.node, nodes.Const) and isinstance(each.node.value, str)
    }


def _role_named(value: nodes.Node, role: str, targets: set[str]) -> str | bool | None:
    """The text or truth that an assigned value is for this role, if it depends on nothing else."""
    held = truth(value, role, targets)
    if held is not None:
        return held
    bare = _bare(value)
    named: str | bool | None = role if _reads_role(bare, targets) else None
    if isinstance(bare, nodes.Const) and isinstance(bare.value, str):
        named = bare.value
    if isinstance(bare, nodes.CondExpr) and bare.expr2 is not None:
        held = truth(bare.test, role, targets)
        named = None if held is None else _role_named(bare.expr1 if held else bare.expr2, role, targets)
    return named if bare is value or (named is not None and _is_plain(named)) else None


def _is_plain(name: str | bool) -> bool:
    """Whether what `_PLAIN` holds leaves a name as it is."""
    return isinstance(name, str) and name == name.strip().lower()


def _bare(value: nodes.Node) -> nodes.Node:
    while True:
        if isinstance(value, nodes.Filter) and value.name in _PLAIN and value.node is not None:
            if value.args and value.name not in ("default", "d"):
                return value
            value = value.node
        elif isinstance(value, nodes.Call) and isinstance(value.node, nodes.Getattr):
            if value.node.attr not in _PLAIN or value.args:
                return value
            value = value.node.node
        else:
            return value


def _demanded(before: Sequence[nodes.Node], test: nodes.Node, role: str, targets: set[str]) -> Iterator[bool]:
    """What a test must be for a role, by what has not raised: `{% if (role == 'user') != (index is even) %}`."""
    for statement in before:
        found = statement.test if isinstance(statement, nodes.If) and _raises(statement) else None
        if not isinstance(found, nodes.Compare) or [each.op for each in found.ops] != ["ne"]:
            continue
        sides = (found.expr, found.ops[0].expr)
        for one, other in (sides, sides[::-1]):
            held = truth(one, role, targets)
            if other == test and held is not None:
                yield held


def _raises(statement: nodes.If) -> bool:
    calls = [call for each in statement.body for call in each.find_all(nodes.Call)]
    return any(isinstance(call.node, nodes.Name) and call.node.name == "raise_exception" for call in calls)


def _jumps(statement: nodes.Node, role: str, targets: set[str], known: Known) -> bool:
    """Whether a statement surely ends the loop's turn for a message of that role."""
    if isinstance(statement, nodes.Break | nodes.Continue):
        return True
    if not isinstance(statement, nodes.If):
        return False
    for arm in (statement, *statement.elif_):
        held = truth(arm.test, role, targets, known)
        if held is not False:
            return held is True and any(_jumps(each, role, targets, known) for each in arm.body)
    return any(_jumps(each, role, targets, known) for each in statement.else_)


def truth(test: nodes.Node, role: str, targets: set[str], known: Known = NOTHING) -> bool | None:
    """Evaluate a test for one role; `None` where it depends on something else.

    Args:
        test (`jinja2.nodes.Node`): The test.
        role (`str`): The message's role.
        targets (`set[str]`): Names that stand for the message.
        known (`Mapping[str, frozenset]`): Names that hold one of a few values for this role.
    """
    if isinstance(test, nodes.Not):
        inner = truth(test.node, role, targets, known)
        return None if inner is None else not inner
    if isinstance(test, nodes.And | nodes.Or):
        sides = (truth(test.left, role, targets, known), truth(test.right, role, targets, known))
        decisive = isinstance(test, nodes.Or)
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    if isinstance(test, nodes.Name):
        truths = set(map(bool, known.get(test.name, ())))
        return truths.pop() if len(truths) == 1 else None
    if isinstance(test, nodes.Compare) and len(test.ops) == 1:
        left = _bare(test.expr)
        values = frozenset([role]) if _reads_role(left, targets) else None
        if isinstance(left, nodes.Name):
            values = known.get(left.name)
        if left is not test.expr and not all(map(_is_plain, values or ())):
            return None
        answers = {_compare(test.ops[0], value, known) for value in values or ()}
        return answers.pop() if len(answers) == 1 else None
    return None


def _reads_role(node: nodes.Node, targets: set[str]) -> bool:
    """Whether an expression is the role of a loop's item: `message.role`, `message.get('role')`, `messages[i].role`."""
    holder: nodes.Node | None = None
    key: Any = None
    if isinstance(node, nodes.Getattr):
        holder, key = node.node, node.attr
    elif isinstance(node, nodes.Getitem):
        holder, key = node.node, getattr(node.arg, "value", None)
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get":
        holder, key = node.node.node, getattr(node.args[0], "value", None) if node.args else None
    if isinstance(holder, nodes.Getitem):  # the loop counts through the messages
        holder = holder.arg
    return key == "role" and isinstance(holder, nodes.Name) and holder.name in targets


def _compare(operand: nodes.Operand, role: str, known: Known) -> bool | None:
    value = operand.expr
    told = [value.value] if isinstance(value, nodes.Const) else []
    if isinstance(value, nodes.Name):
        told = [*known.get(value.name, ())]
    if operand.op in ("eq", "ne") and len(told) == 1:
        return (told[0] == role) is (operand.op == "eq")
    if operand.op in ("in", "notin") and isinstance(value, nodes.List | nodes.Tuple):
        items = [item.value for item in value.items if isinstance(item, nodes.Const)]
        if len(items) == len(value.items):
            return (role in items) is (operand.op == "in")
    return None
