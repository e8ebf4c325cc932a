"""What is known of each template that a push would change."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from templatefix import api
from templatefix.edits import Newlines
from templatefix.inference import engines, notes
from templatefix.model import (
    DEFAULT_POLICY,
    MARKED,
    Evidence,
    Outcome,
    Policy,
    Safety,
    Template,
    Variant,
    Verdict,
)
from templatefix.report.verdict import write_outcome
from templatefix.shipping.files import place


def gather(
    repository: Sequence[Template],
    target: Sequence[Template],
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> tuple[Evidence, ...]:
    """Fix the templates of a target, and judge what that makes of those in the repository.

    Args:
        repository (`Sequence[Template]`): The templates in use in the repository that is pushed to.
        target (`Sequence[Template]`): Those of the target, perhaps the same.
        variant (`str`): See [`templatefix.fix`].
        allow (`Collection[str]`): See [`templatefix.fix`].
        policy ([`Policy`]): See [`templatefix.fix`].
    """
    outcomes = [api.fix_template(each, variant=variant, allow=allow, policy=policy) for each in target]
    return tuple(_evidence(each, _counterpart(each, outcomes)) for each in repository)


def _counterpart(template: Template, outcomes: Sequence[Outcome]) -> Outcome | None:
    """The outcome for the same place, else for the same name."""
    same_name = [each for each in outcomes if each.template.name == template.name]
    there = (each for each in same_name if place(each.template) == place(template))
    return next(there, next(iter(same_name), None))


def _evidence(template: Template, outcome: Outcome | None) -> Evidence:
    if outcome is None:
        reason = f"{template.label}: the target has no template called {template.name!r}"
        return Evidence(template, template.source, Verdict(), "", reason=reason)
    if outcome.refusal is not None:
        reason = write_outcome(outcome).strip()
        return Evidence(template, template.source, outcome.verdict, "", reason=reason)
    declared, after = outcome.safety is Safety.UNSAFE, outcome.after
    if outcome.before != template.source:
        after = _with_line_ends(after, template.source)
    marked = replace(template, source=after)
    verdict = outcome.verdict
    if outcome.before != template.source:  # the repository's text is another than what was patched
        verdict = api.verify_template(marked, template, policy=verdict.policy)
    how = f"registry patch {outcome.family}" if outcome.family else outcome.method or MARKED
    reason = (
        ""
        if verdict.outcome == "holds"
        else f"{template.label}: the verdict is {verdict.outcome}{_why(verdict)}"
    )
    return Evidence(
        template,
        after,
        verdict,
        how,
        declared=declared,
        sample=tuple(api.sample(marked)),
        risks=notes(engines(marked)),
        reason=reason,
    )


def _with_line_ends(text: str, like: str) -> str:
    """A copy on Windows may have other line ends than the file it was made of: they stay out of the diff."""
    ends = set(re.findall(r"\r\n|\r|\n", like))
    return Newlines.of(text).normal.replace("\n", ends.pop()) if len(ends) == 1 else text


def _why(verdict: Verdict) -> str:
    return f": {verdict.blame.claim}: {verdict.blame.detail}" if verdict.blame else ""
