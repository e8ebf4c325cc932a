"""Verdicts and the outcomes of fixes, for people at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from templatefix.model import Claim, Outcome, Safety, Template, Tri, Verdict
from templatefix.report.snippet import visible

_SHOWN = 240
_ORDER: tuple[Tri, ...] = ("fails", "undecided", "holds")
_PLAIN = (
    "tool-calls-dropped",
    "reasoning-dropped",
    "prints-the-date",
    "one-way-test",
    "format-unsupported",
)  # of the template, whatever its markers


def write_verdict(template: Template, verdict: Verdict) -> str:
    """Return a template's verdict: a line for each claim, then what to blame, policy and notes.

    Args:
        template (`Template`): What was judged.
        verdict (`Verdict`): The judgement.
    """
    lines = [f"{visible(template.label)}: {verdict.outcome}"]
    lines += [f"  {claim:<17} {outcome:<10} {rest}" for claim, outcome, rest in claims(verdict)]
    blame = verdict.blame
    if blame is not None:
        where = f", marker in line {blame.line}" if blame.line else ""
        lines.append(f"  {blame.outcome} on the probe {blame.probe!r}{where}: {visible(blame.detail)}")
        if blame.outcome == "fails":
            lines += [f"    expected: {_quoted(blame.expected)}", f"    found:    {_quoted(blame.actual)}"]
    lines.append(f"  policy: {verdict.policy}")
    reached = verdict.coverage.outputs - len(verdict.coverage.marked) - len(verdict.coverage.unmarked)
    lines.append(
        f"  coverage: {reached} of {verdict.coverage.outputs} outputs of assistant turns were printed"
    )
    where = ", ".join(map(str, verdict.coverage.open))
    lines.append(
        f"  places: {verdict.coverage.sites} in the template are known to be inside or outside"
        + (f"; not known in line {where}" if where else "")
    )
    lines += [f"  note: {visible(note.text)}" for note in verdict.notes]
    return "\n".join(lines) + "\n"


def claims(verdict: Verdict) -> list[tuple[Claim, str, str]]:
    """Return each claim that was judged, its outcome, and on how many probes."""
    return [(claim, *found) for claim in Claim if (found := _claim(claim, verdict))]


def _claim(claim: Claim, verdict: Verdict) -> tuple[str, str] | None:
    worst: dict[str, Tri] = {}
    for check in verdict.checks:
        if check.claim is claim:  # a probe may have several faults
            worst[check.probe] = min(check.outcome, worst.get(check.probe, "holds"), key=_ORDER.index)
    if not worst:
        return None
    if claim is Claim.SAME_TEXT and verdict.proven:
        return "proven", f"for every conversation, and tested on {len(worst)} probes"
    counts = Counter(worst.values())
    outcome = verdict.of(claim)
    others = ", ".join(
        f"{number} {each}" for each, number in counts.items() if each not in ("holds", outcome)
    )
    tail = f" ({others})" if others else ""
    tail += "" if claim.of_mask else "; about the template, not the mask"
    return outcome, f"on {counts[outcome]} of {len(worst)} probes{tail}"


def _quoted(text: str) -> str:
    cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"
    return repr(cut)


def write_outcome(outcome: Outcome) -> str:
    """Return one line that says what became of a template, and notes below it."""
    label = visible(outcome.template.label)
    if outcome.refusal is not None:
        line = f", line {outcome.refusal.line}" if outcome.refusal.line else ""
        return f"{label}: refused ({outcome.refusal.kind}{line}): {visible(outcome.reason)}\n"
    claims = {check.probe for check in outcome.verdict.checks if check.claim is Claim.EXACT_SPAN}
    evidence = f"spans hold on {len(claims)} probes"
    if outcome.status == "correct":
        line = f"{label}: correct already: {evidence}"
    else:
        how = f"registry patch {outcome.family}" if outcome.family else str(outcome.method)
        text = "same text proven" if outcome.verdict.proven else "same text on every probe"
        text = "TEXT CHANGED as declared" if outcome.safety is Safety.UNSAFE else text
        line = f"{label}: patched ({how}; {text}; {evidence})"
    return (
        "\n".join(
            [
                line,
                *(
                    f"  note: {visible(note.text)}"
                    for note in outcome.verdict.notes
                    if note.name not in _PLAIN
                ),
            ]
        )
        + "\n"
    )


def write_counts(outcomes: Sequence[Outcome]) -> str:
    """Return one line that counts what became of several templates."""
    counts = Counter(outcome.status for outcome in outcomes)
    parts = ", ".join(f"{counts[status]} {status}" for status in ("correct", "patched", "refused"))
    plural = "" if len(outcomes) == 1 else "s"
    return f"{len(outcomes)} template{plural}: {parts}\n"
