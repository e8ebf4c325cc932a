"""Judge each template once in a process: what `ensure` has proven, a preflight need not prove again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from templatefix import api
from templatefix.model import DEFAULT_POLICY, Outcome, Policy, Template, Variant, Verdict

_known: dict[Any, Outcome] = {}


def proven(
    template: Template,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> Outcome:
    """Return what `fix` says of a template; see [`templatefix.fix`]."""
    key = _key(template, variant, allow, policy)
    if key not in _known:
        _known[key] = api.fix_template(template, variant=variant, allow=allow, policy=policy)
    return _known[key]


def remember(template: Template, verdict: Verdict, policy: Policy = DEFAULT_POLICY) -> None:
    """Take down that the markers of a template hold.

    Args:
        template ([`Template`]): A template with markers.
        verdict ([`Verdict`]): The evidence, as `verify` has found it.
        policy ([`Policy`]): What it was judged by.
    """
    outcome = Outcome(template, "correct", template.source, verdict)
    _known.setdefault(_key(template, "same-text", (), policy), outcome)


def _key(template: Template, variant: str, allow: Collection[str], policy: Policy) -> Any:
    variables = frozenset(template.variables.items())
    return template.source, template.name, variables, variant, frozenset(allow), policy
