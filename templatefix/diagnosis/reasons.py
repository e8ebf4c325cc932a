"""From what a template renders, and what was tried, to a refusal of one kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from templatefix.diagnosis.case import Case
from templatefix.diagnosis.quoted import asked
from templatefix.model import Attempt, Refusal, RefusalKind
from templatefix.oracle import Oracle
from templatefix.probes import PLACEHOLDERS, Probe
from templatefix.rules.loop import message_loop
from templatefix.rules.trial import limit
from templatefix.syntax import Source


def unfit(source: Source, variables: Mapping[str, Any] | None) -> Refusal | None:
    """Say why a template is not worth a try; `None` if it is.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
    """
    if "messages" not in _read(source):
        reason = "it is no chat template: nothing in it reads `messages`"
        return Refusal(RefusalKind.NOT_A_CHAT_TEMPLATE, reason)
    if problem := limit(source.text, variables or {}):
        return Refusal(RefusalKind.TOO_SLOW, f"it is too costly to try: {problem.what}", problem.line)
    return None


def diagnose(
    source: Source,
    variables: Mapping[str, Any] | None,
    probes: Sequence[Probe],
    attempts: Sequence[Attempt],
    oracle: Oracle,
) -> Refusal:
    """Say why no patch of a template was proven.

    Args:
        source (`Source`): The template without markers.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        probes (`Sequence[Probe]`): The conversations.
        attempts (`Sequence[Attempt]`): What was tried.
        oracle ([`Oracle`]): What was learned from the template on these probes.
    """
    case = Case(source, PLACEHOLDERS if variables is None else variables, probes)
    return _silent(case) or _dropped(case) or _quoted(case, oracle) or _nearest(case, attempts)


def _read(source: Source) -> set[str]:
    return {name.name for name in source.tree.find_all(nodes.Name) if name.ctx == "load"}


def _silent(case: Case) -> Refusal | None:
    """Nothing renders: what is raised, and what is missing."""
    if case.renders:
        return None
    raised = Counter((error.what, error.line) for error in case.errors)
    error = max(case.errors, key=lambda error: raised[error.what, error.line])  # odd probes raise odd errors
    reason = f"it raises on every probe conversation: {error.what}"
    if error.missing:
        kind = "variable" if error.missing in _read(case.source) else "key"
        reason += f"; the {kind} {error.missing!r} is missing"
    return Refusal(RefusalKind.RENDERS_NOTHING, reason, error.line, error.missing)


def _dropped(case: Case) -> Refusal | None:
    """No render holds a text of the assistant."""
    if case.printed("assistant"):
        return None
    loop = message_loop(case.source)
    line = case.source.position(loop.start)[0] if len(loop) else 0
    if not case.printed("user"):
        reason = "it is no chat template: it prints no text of any message"
        return Refusal(RefusalKind.NOT_A_CHAT_TEMPLATE, reason, line)
    reason = "it drops what the assistant says: there is nothing to train on"
    return Refusal(RefusalKind.TEXT_DROPPED, reason, line)


def _quoted(case: Case, oracle: Oracle) -> Refusal | None:
    """Answers are printed, but something else is asked of the model after the last one."""
    found = asked(case, opens=bool(oracle.headers))
    if found is None:
        return None
    text, line = found
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    reason = (
        f"it quotes what the assistant says as input, as a guard, a judge or a reranker does: "
        f"after the last answer it prints {shown!r}"
    )
    return Refusal(RefusalKind.QUOTED_AS_INPUT, reason, line)


def _nearest(case: Case, attempts: Sequence[Attempt]) -> Refusal:
    """By the attempt that came nearest to a proof."""
    judged = [each for each in attempts if each.verdict.checks] or attempts
    nearest = min(judged, key=lambda each: (each.verdict.outcome == "fails", len(each.verdict.bad)))
    kind = RefusalKind.UNSUPPORTED_SHAPE
    if nearest.verdict.checks and nearest.verdict.outcome == "undecided":
        untested = nearest.faults == {"untested-output"}
        kind = RefusalKind.UNTESTED_OUTPUT if untested else RefusalKind.AMBIGUOUS
    return Refusal(kind, nearest.reason, nearest.line or case.answered())
