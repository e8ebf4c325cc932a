"""What the names in a template's conditions may stand for: constants, what they were set to, paths in a message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from templatefix.probes.derived import asked_variables
from templatefix.probes.messages import Probe
from templatefix.probes.schema import Reader
from templatefix.syntax import Source
from templatefix.syntax.nodes import remembered


@dataclass(frozen=True)
class Facts:
    """What the names of a template may stand for.

    Args:
        source (`Source`): The template.
        messages (`Reader`): What names read of its messages.
        tools (`Reader`): What names read of the tools on offer.
        variables (`frozenset[str]`): Variables that it reads and does not set.
        base (`Probe`, *optional*): A conversation on which a condition is asked.
    """

    source: Source
    messages: Reader
    tools: Reader
    variables: frozenset[str]
    base: Probe | None = None

    def values(self, node: nodes.Node, steps: int = 4) -> list[Any]:
        """Return the constants that an expression may be: its own, the keys of a mapping, what a name was set to.

        Names may be set to each other, so only so many steps are taken.
        """
        if isinstance(node, nodes.Const):
            return [node.value]
        if isinstance(node, nodes.List | nodes.Tuple):
            return [value for item in node.items for value in self.values(item, steps)]
        if isinstance(node, nodes.Dict):
            return [pair.key.value for pair in node.items if isinstance(pair.key, nodes.Const)]
        if isinstance(node, nodes.Name):
            known = self.assigned(node.name) if steps else []
            return [value for each in known for value in self.values(each, steps - 1)]
        if isinstance(node, nodes.Call | nodes.Filter):  # `names.keys()`, `names | list`
            inner = (
                node.node.node
                if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr)
                else node.node
            )
            return self.values(inner, steps) if inner is not None else []
        return []

    def assigned(self, name: str) -> list[nodes.Node]:
        """Return what a name, or an attribute of a namespace, was set to, but not from itself."""
        return _assigned(self.source.tree).get(name, [])


@remembered
def _assigned(tree: nodes.Template) -> dict[str, list[nodes.Node]]:
    found: dict[str, list[nodes.Node]] = {}
    for each in tree.find_all(nodes.Assign):
        name = _stored(each.target)
        if not any(inner.name == name for inner in each.node.find_all(nodes.Name)):
            found.setdefault(name, []).append(each.node)
    return found


def _stored(target: nodes.Node) -> str:
    if isinstance(target, nodes.NSRef):
        return f"{target.name}.{target.attr}"
    return target.name if isinstance(target, nodes.Name) else ""


@lru_cache(maxsize=16)
def facts_of(source: Source) -> Facts:
    """Return what the names of a template may stand for.

    Args:
        source (`Source`): The template.
    """
    known = frozenset((*asked_variables(source), "enable_thinking"))
    return Facts(source, Reader(source.tree, "messages"), Reader(source.tree, "tools"), known)


def mapped_roles(source: Source) -> list[str]:
    """Return the names by which a template looks a message's role up, or which it replaces in it.

    Args:
        source (`Source`): The template.
    """
    facts = facts_of(source)
    found = [
        value
        for key, values in looked_up(facts)
        if ("role",) in facts.messages.resolve(key)
        for value in values
    ]
    calls: list[Any] = [*source.tree.find_all(nodes.Filter), *source.tree.find_all(nodes.Call)]
    for each in calls:
        method = each.node if isinstance(each, nodes.Call) else None
        name = each.name if isinstance(each, nodes.Filter) else getattr(method, "attr", "")
        subject = each.node if isinstance(each, nodes.Filter) else getattr(method, "node", None)
        if name == "replace" and each.args and ("role",) in facts.messages.resolve(subject):
            found += facts.values(each.args[0])
    return [value for value in dict.fromkeys(found) if isinstance(value, str)]


def looked_up(facts: Facts) -> Iterator[tuple[nodes.Node, list[Any]]]:
    """Yield each expression by which a mapping is looked up, and the keys of the mapping."""
    reads: list[Any] = [*facts.source.tree.find_all(nodes.Getitem), *facts.source.tree.find_all(nodes.Call)]
    for read in reads:
        if isinstance(read, nodes.Getitem):
            holder, key = read.node, read.arg
        elif isinstance(read.node, nodes.Getattr) and read.node.attr == "get" and read.args:
            holder, key = read.node.node, read.args[0]
        else:
            continue
        known = any(isinstance(each, nodes.Dict) for each in _mappings(facts, holder))
        if known and not isinstance(key, nodes.Const):
            yield key, facts.values(holder)


def _mappings(facts: Facts, holder: nodes.Node) -> list[nodes.Node]:
    if isinstance(holder, nodes.Name):
        return facts.assigned(holder.name)
    return [holder] if isinstance(holder, nodes.Expr) else []


def behind(facts: Facts, condition: nodes.Expr) -> list[nodes.Node]:
    """Return a condition, and what the names in it were set to, a few steps back."""
    found: list[nodes.Node] = [condition]
    left = found
    for _ in range(3):
        names = {
            name.name
            for each in left
            for name in (each, *each.find_all(nodes.Name))
            if isinstance(name, nodes.Name)
        }
        names |= {
            f"{read.node.name}.{read.attr}"
            for each in left
            for read in (each, *each.find_all(nodes.Getattr))
            if isinstance(read, nodes.Getattr) and isinstance(read.node, nodes.Name)
        }
        left = [each for name in sorted(names) for each in facts.assigned(name) if each not in found]
        found += left
    return found
