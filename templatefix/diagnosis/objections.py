"""What is wrong with one patch, or with the markers that a template has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from templatefix import rules
from templatefix.edits import origin
from templatefix.errors import RenderError
from templatefix.model import Attempt, Candidate, Severity, Template, Verdict
from templatefix.probes import PLACEHOLDERS, Probe
from templatefix.render import Renderer
from templatefix.syntax import Source


def changed(
    marked: Source, candidate: Candidate, probes: Sequence[Probe], variables: dict[str, Any] | None
) -> Attempt | None:
    """Say where the new markers change what the old ones let through: a marker may change the text it encloses.

    Args:
        marked (`Source`): The template with its old markers.
        candidate (`Candidate`): The patch, made from the text without them.
        probes (`Sequence[Probe]`): The conversations.
        variables (`dict[str, str]`, *optional*): Special tokens; placeholders if `None`.
    """
    old, new = (Renderer(text, variables or PLACEHOLDERS) for text in (marked.text, candidate.after))
    for probe in probes:
        if _text(old, probe) != _text(new, probe):
            reason = f"with its old markers the template prints another text on the probe {probe.name!r}"
            return Attempt(reason, method=candidate.method, family=candidate.family)
    return None


def _text(renderer: Renderer, probe: Probe) -> str | None:
    try:
        return renderer.render(probe.messages, **probe.arguments).text
    except RenderError:
        return None


def objection(source: Source, candidate: Candidate, verdict: Verdict) -> Attempt | None:
    """Say what the judge or a rule objects to in a patch; `None` if it is proven.

    Args:
        source (`Source`): The template before it.
        candidate (`Candidate`): The patch.
        verdict (`Verdict`): What the judge says of it.
    """
    line = verdict.blame.line if verdict.blame else 0
    if verdict.outcome != "holds":
        reason = f"the best patch found ({candidate.method}) is not proven: {words(verdict)}"
    else:
        findings = rules.check([Template.from_source(candidate.after)])
        error = next((each for each in findings if each.severity is Severity.ERROR), None)
        if error is None:
            return None
        reason, line = f"the best patch found breaks {error.code}: {error.message}", error.line
    return Attempt(reason, _before(source, candidate, line), candidate.method, candidate.family, verdict)


def _before(source: Source, candidate: Candidate, line: int) -> int:
    """The line of the template that a line of its patch was put at."""
    if not line:
        return 0
    start = sum(len(each) + 1 for each in candidate.after.split("\n")[: line - 1])
    return source.position(origin(candidate.edits, start))[0]


def words(verdict: Verdict) -> str:
    """Say in a sentence which check a verdict fails or leaves undecided."""
    blame = verdict.blame
    if blame is None:
        return "nothing could be checked"
    shown = ""
    if blame.outcome == "fails" and (blame.expected or blame.actual):
        shown = f" (expected {_short(blame.expected)}, found {_short(blame.actual)})"
    return f"{blame.claim} {blame.outcome} on the probe {blame.probe!r}: {blame.detail}{shown}"


def _short(text: str, most: int = 60) -> str:
    return repr(text) if len(text) <= most else f"{text[: most // 2]!r} … {text[-most // 2 :]!r}"
