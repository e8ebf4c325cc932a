"""From what a template renders, and what was tried, to a refusal of one kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from templatefix.diagnosis.case import Case
from templatefix.diagnosis.quoted import asked
from templatefix.expected import Expectations, Undecided
from templatefix.model import Attempt, Refusal, RefusalKind
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


def diagnose(source: Source, attempts: Sequence[Attempt], expectations: Expectations) -> Refusal:
    """Say why no patch of a template was proven.

    Args:
        source (`Source`): The template without markers.
        attempts (`Sequence[Attempt]`): What was tried.
        expectations ([`Expectations`]): What was inferred from the template.
    """
    case = Case(expectations.analysis, expectations.probes)
    return _silent(case) or _dropped(case) or _undecided(expectations) or _nearest(case, attempts)


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


def quoted(expectations: Expectations) -> Refusal | None:
    """Say why markers would be wrong wherever they stand: something else is asked of the model after the last answer.

    Args:
        expectations ([`Expectations`]): What was inferred from the template.
    """
    case = Case(expectations.analysis, expectations.probes)
    found = asked(case, opens=expectations.opens_turns)
    if found is None:
        return None
    text, line = found
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    reason = (
        f"it quotes what the assistant says as input, as a guard, a judge or a reranker does: "
        f"after the last answer it prints {shown!r}"
    )
    return Refusal(RefusalKind.QUOTED_AS_INPUT, reason, line)


def _undecided(expectations: Expectations) -> Refusal | None:
    """The span of a plain turn is not known, so that nothing can be placed."""
    for each in map(expectations.of, expectations.probes[:2]):
        for turn in each.turns:
            if isinstance(turn, Undecided):
                reason = f"where an assistant turn begins or ends is not known: {turn.reason}"
                return Refusal(RefusalKind.AMBIGUOUS, f"{reason} (probe {each.probe.name!r})")
    return None


def _nearest(case: Case, attempts: Sequence[Attempt]) -> Refusal:
    """By the attempt that came nearest to a proof."""
    judged = [each for each in attempts if each.verdict.checks] or attempts
    nearest = min(judged, key=lambda each: (each.verdict.outcome == "fails", len(each.verdict.bad)))
    kind = RefusalKind.UNSUPPORTED_SHAPE
    if nearest.verdict.checks and nearest.verdict.outcome == "undecided":
        untested = nearest.faults == {"untested-output"}
        kind = RefusalKind.UNTESTED_OUTPUT if untested else RefusalKind.AMBIGUOUS
    return Refusal(kind, nearest.reason, nearest.line or case.answered())
