"""Verdicts and the outcomes of fixes, for people at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from templatefix.model import Claim, Outcome, Template, Verdict
from templatefix.report.snippet import visible

_SHOWN = 240


def write_verdict(template: Template, verdict: Verdict) -> str:
    """Return a template's verdict: a line for each claim, then what to blame, policy and notes.

    Args:
        template (`Template`): What was judged.
        verdict (`Verdict`): The judgement.
    """
    lines = [f"{visible(template.label)}: {verdict.outcome}"]
    lines += [f"  {line}" for claim in Claim if (line := _claim(claim, verdict))]
    blame = verdict.blame
    if blame is not None:
        lines.append(f"  {blame.outcome} on the probe {blame.probe!r}: {visible(blame.detail)}")
        if blame.outcome == "fails":
            lines += [f"    expected: {_quoted(blame.expected)}", f"    found:    {_quoted(blame.actual)}"]
    lines.append(f"  policy: {verdict.policy}")
    lines += [f"  note: {visible(note.text)}" for note in verdict.notes]
    return "\n".join(lines) + "\n"


def _claim(claim: Claim, verdict: Verdict) -> str:
    counts = Counter(check.outcome for check in verdict.checks if check.claim is claim)
    if not counts:
        return ""
    if claim is Claim.SAME_TEXT and verdict.proven:
        return f"{claim:<13} proven     for every conversation, and tested on {counts.total()} probes"
    others = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if outcome != "holds")
    tail = f" ({others})" if others else ""
    return f"{claim:<13} {verdict.of(claim):<10} on {counts['holds']} of {counts.total()} probes{tail}"


def _quoted(text: str) -> str:
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
    return repr(cut)


def write_outcome(outcome: Outcome) -> str:
    """Return one line that says what became of a template, and notes below it."""
    label = visible(outcome.template.label)
    if outcome.status == "refused":
        return f"{label}: refused: {visible(outcome.reason)}\n"
    claims = {check.probe for check in outcome.verdict.checks if check.claim is Claim.EXACT_SPAN}
    evidence = f"spans hold on {len(claims)} probes"
    if outcome.status == "correct":
        line = f"{label}: correct already: {evidence}"
    else:
        how = f"registry patch {outcome.family}" if outcome.family else str(outcome.method)
        text = "same text proven" if outcome.verdict.proven else "same text on every probe"
        line = f"{label}: patched ({how}; {text}; {evidence})"
    return "\n".join([line, *(f"  note: {visible(note.text)}" for note in outcome.verdict.notes)]) + "\n"


def write_counts(outcomes: Sequence[Outcome]) -> str:
    """Return one line that counts what became of several templates."""
    counts = Counter(outcome.status for outcome in outcomes)
    parts = ", ".join(f"{counts[status]} {status}" for status in ("correct", "patched", "refused"))
    plural = "" if len(outcomes) == 1 else "s"
    return f"{len(outcomes)} template{plural}: {parts}\n"
