"""The rules there are: found in this package, looked up by code or name, printed."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections import Counter

import templatefix.rules as package
from templatefix.errors import UsageError
from templatefix.rules.rule import Rule

_MODULE = re.compile(r"[a-z]{3}\d{3}_\w+")


def _discover() -> tuple[Rule, ...]:
    names = [
        module.name for module in pkgutil.iter_modules(package.__path__) if _MODULE.fullmatch(module.name)
    ]
    rules = [importlib.import_module(f"{package.__name__}.{name}").RULE for name in names]
    return ordered(rules)


def ordered(rules: list[Rule]) -> tuple[Rule, ...]:
    """Sort rules by code.

    Raises:
        ValueError: Two rules share a code or a name.
    """
    counts = Counter([rule.code for rule in rules] + [rule.name for rule in rules])
    if twice := [key for key, count in counts.items() if count > 1]:
        raise ValueError(f"two rules are called {twice[0]}")
    return tuple(sorted(rules, key=lambda rule: rule.code))


ALL = _discover()


def find(code_or_name: str) -> Rule:
    """Return the rule of that code or name, in any case of letters.

    Raises:
        UsageError: There is none; the error suggests the nearest.
    """
    known = {key.lower(): rule for rule in ALL for key in (rule.code, rule.name)}
    wanted = code_or_name.strip().lower()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    guess = f"did you mean {known[near[0]].code} ({known[near[0]].name})? " if near else ""
    raise UsageError(
        f"there is no rule {code_or_name!r}",
        cure=f"{guess}`templatefix rules` lists them all.",
    )


def table() -> str:
    """Return all rules as a Markdown table."""
    rows = [f"| {rule.code} | {rule.name} | {rule.severity} | {rule.summary} |" for rule in ALL]
    return "\n".join(["| code | name | severity | summary |", "|---|---|---|---|", *rows]) + "\n"


def explain(code_or_name: str) -> str:
    """Return a rule's documentation and an example of what it finds, as Markdown."""
    rule = find(code_or_name)
    example = rule.cases.bad[0].source.rstrip("\n")
    return (
        f"# {rule.code} {rule.name} ({rule.severity})\n\n{rule.documentation.strip()}\n\n"
        f"## Example\n\n```jinja\n{example}\n```\n"
    )
