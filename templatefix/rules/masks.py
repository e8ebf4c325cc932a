"""What the verdict says of masks and of the template, as hits at the place to blame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix.model import Check, Claim, Span, Verdict
from templatefix.rules.loop import message_loop
from templatefix.rules.rule import Hit, Subject

_PARTS = frozenset({"call-untrained", "reasoning-untrained"})
_FOLLOWS = {
    "text-after-turn-trained": {"other-role-trained"},
    "unexpected-text-trained": {"other-role-trained"},
    "beginning-untrained": _PARTS,
    "turn-in-pieces": _PARTS,
    "turn-unmarked": _PARTS,
    "end-of-turn-untrained": {"turn-unmarked", "call-untrained"},
}
"""Faults that say nothing new beside another on the same probe."""
_ODD = (
    "assistant first",
    "system, assistant first",
    "system in the middle",
    "texts that quote the template",
)
"""Probes on which hardly a template keeps to its own form."""
_TOUCHING = ("two answers in a row", "two answers at the end")
"""Probes on which a marked header joins one turn to the next."""


def wrong(subject: Subject, fault: str, why: str) -> Iterator[Hit]:
    """Yield one hit for each marker that is to blame for a fault; nothing for a template without markers.

    Args:
        subject (`Subject`): The template.
        fault (`str`): Its name in the verdict's checks.
        why (`str`): Why it matters, in one sentence.
    """
    if subject.markers:
        yield from hits(subject, blamed(subject.verdict), fault, why)


def hits(subject: Subject, checks: Sequence[Check], fault: str, why: str) -> Iterator[Hit]:
    """Yield one hit for each marker that some checks blame for a fault; the first marker where none is known."""
    places: dict[Span, list[Check]] = {}
    for check in checks:
        if check.fault == fault:
            places.setdefault(marker_at(subject, check.line), []).append(check)
    for span in sorted(places):
        yield Hit(span, f"{told(places[span])}. {why}")


def blamed(verdict: Verdict) -> list[Check]:
    """The failed checks of the mask, without those that only follow from another."""
    failed = [check for check in verdict.checks if check.outcome == "fails" and check.claim.of_mask]
    stops = {check.expected for check in failed if check.claim is Claim.STOP_TRAINED}
    # Of a turn that says nothing, nothing but the end of turn could be marked.
    failed = [check for check in failed if check.fault != "turn-unmarked" or check.expected not in stops]
    faults: dict[str, set[str]] = {}
    for check in failed:
        faults.setdefault(check.probe, set()).add(check.fault)
    whole = any("turn-unmarked" in found and not found & _PARTS for found in faults.values())

    def follows(check: Check) -> bool:
        beside = faults[check.probe]
        if whole and check.fault in _PARTS and "turn-unmarked" in beside:
            return True
        if (
            check.fault == "text-after-turn-trained"
            and check.probe in _TOUCHING
            and "header-trained" in beside
        ):
            return True
        return bool(beside & _FOLLOWS.get(check.fault, set()))

    return [check for check in failed if not follows(check)]


def marker_at(subject: Subject, line: int) -> Span:
    """The marker tag in a line, else the first."""
    first = subject.markers[0].opening
    return next((marker.opening for marker in subject.markers if marker.node.lineno == line), first)


def told(checks: Sequence[Check]) -> str:
    """What one of several checks found, with a sample of the text, and on which probe."""
    check = checks[0]
    others = len({each.probe for each in checks}) - 1
    more = f" (and {others} more)" if others else ""
    sample = f": {shortened(repr(check.actual))}" if check.actual and "'" not in check.detail else ""
    return f"On the probe {check.probe!r}{more}, {shortened(check.detail, 150)}{sample}"


def shortened(text: str, most: int = 70) -> str:
    """A text cut in the middle."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 + 3 :]}"


def of_template(subject: Subject, claim: Claim, why: str) -> Iterator[Hit]:
    """Yield a hit at the loop over the messages if a claim about the template fails."""
    failed = [check for check in about(subject, claim) if check.outcome == "fails"]
    if failed:
        yield Hit(message_loop(subject.source), f"{told(failed)}. {why}")


def about(subject: Subject, claim: Claim) -> list[Check]:
    """Return what was found of a claim on the probes that templates are made for."""
    return [check for check in subject.verdict.checks if check.claim is claim and check.probe not in _ODD]


def noted(subject: Subject, name: str, place: Span) -> Iterator[Hit]:
    """Yield a hit at a place if the verdict has a note of that name."""
    for note in subject.verdict.notes:
        if note.name == name:
            yield Hit(place, f"{note.text[:1].upper()}{note.text[1:]}.")


def nothing_rendered(verdict: Verdict) -> bool:
    """Whether not one probe could be judged, for the template does not render."""
    return all(check.probe in ("all", "none") for check in verdict.checks)


def undecided(verdict: Verdict) -> str:
    """Why a verdict is undecided; empty if it is not."""
    if verdict.outcome != "undecided":
        return ""
    blame = verdict.blame
    return blame.detail if blame else "nothing could be checked"
