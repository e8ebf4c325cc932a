"""Fix one template: already correct? registry? synthesis? The first candidate that is proven wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from templatefix import registry, rules, synthesis
from templatefix.coverage import reaching
from templatefix.diagnosis import diagnose, unfit
from templatefix.edits import Newlines, origin
from templatefix.errors import RenderError, SyntaxProblem, TemplateFixError
from templatefix.judge import judge
from templatefix.model import (
    Attempt,
    Candidate,
    Outcome,
    Refusal,
    RefusalKind,
    Severity,
    Template,
    Verdict,
)
from templatefix.probes import PLACEHOLDERS, Probe
from templatefix.render import Renderer
from templatefix.stripping import strip
from templatefix.syntax import Source, is_generation, parse, same_without_markers, walk

_OF_THE_TEMPLATE = (
    RefusalKind.NOT_A_CHAT_TEMPLATE,
    RefusalKind.RENDERS_NOTHING,
    RefusalKind.TEXT_DROPPED,
    RefusalKind.QUOTED_AS_INPUT,
)
"""What no markers could cure, whichever a template has."""


def fix(template: Template) -> Outcome:
    """Put the right markers into a template, or say why not.

    Args:
        template ([`Template`]): The template as it was read.

    Returns:
        [`Outcome`]: `correct`, `patched` with a verdict that holds, or `refused` with the reason.
    """
    variables = dict(template.variables) or None
    if not template.source.removeprefix("\ufeff").strip():
        return _refused(template, Refusal(RefusalKind.EMPTY, "the chat template is empty"))
    try:
        source = parse(template.source, where=template.label)
        refusal = unfit(source, variables)
    except SyntaxProblem as problem:
        return _refused(template, Refusal(RefusalKind.DOES_NOT_PARSE, problem.what, problem.line))
    if refusal is not None:
        return _refused(template, refusal)
    if any(is_generation(node) for node, _ in walk(source.tree)):
        return _marked(template, source, variables)
    return _patched(template, template.source, variables)


def _patched(
    template: Template, plain: str, variables: dict[str, Any] | None, marked: Source | None = None
) -> Outcome:
    """Patch the template's text without markers; where it has had some, keep what it printed with them."""
    source = parse(plain, where=template.label)
    attempts: list[Attempt] = []
    probes, _ = reaching(source, variables)
    for candidate in _candidates(source, variables, probes):
        if isinstance(candidate, Attempt):
            attempts.append(candidate)
            continue
        verdict = judge(candidate.after, variables, original=source.text, probes=probes)
        problem = _problem(source, candidate, verdict)
        if problem is None and marked is not None:
            problem = _changed(marked, candidate, probes, variables)
        if problem is not None:
            attempts.append(problem)
            continue
        after = Newlines.of(plain).apply(candidate.edits)
        if marked is not None and not same_without_markers(marked, source):
            verdict = replace(verdict, proven=False)
        return Outcome(
            template,
            "patched",
            after,
            verdict,
            candidate.method,
            candidate.family,
            attempts=tuple(attempts),
        )
    return _refused(template, diagnose(source, variables, probes, attempts), attempts)


def _refused(
    template: Template, refusal: Refusal, attempts: Sequence[Attempt] = (), verdict: Verdict | None = None
) -> Outcome:
    """Refuse; the verdict is that of the markers which the template has."""
    verdict = verdict or Verdict()
    return Outcome(template, "refused", template.source, verdict, refusal=refusal, attempts=tuple(attempts))


def _candidates(
    source: Source, variables: dict[str, Any] | None, probes: Sequence[Probe]
) -> Iterator[Candidate | Attempt]:
    yield from registry.candidates(source.text)
    yield from synthesis.candidates(source, variables, probes)


def _marked(template: Template, source: Source, variables: dict[str, Any] | None) -> Outcome:
    verdict = judge(source.text, variables)
    if verdict.outcome == "holds":
        return Outcome(template, "correct", template.source, verdict)
    line = verdict.blame.line if verdict.blame else 0
    wrong = f"it has markers already, and they are not right: {_words(verdict)}"
    if verdict.outcome != "fails":  # markers that are not refuted stay
        wrong = f"it has markers already, and they cannot be judged: {_words(verdict)}"
        probes, _ = reaching(source, variables)
        refusal = diagnose(source, variables, probes, [Attempt(wrong, line, verdict=verdict)])
        return _refused(template, refusal, verdict=verdict)
    try:
        plain = strip(template, strict=False)  # what that changes is looked for on the probes
    except TemplateFixError as error:
        refusal = Refusal(RefusalKind.WRONG_MARKERS, f"{wrong}; {error.what}", line)
        return _refused(template, refusal, verdict=verdict)
    outcome = _patched(template, plain, variables, source)
    if outcome.refusal is None:
        return outcome
    refusal = outcome.refusal
    if refusal.kind not in _OF_THE_TEMPLATE:
        refusal = Refusal(RefusalKind.WRONG_MARKERS, f"{wrong}; without them, {refusal.reason}", line)
    return _refused(template, refusal, outcome.attempts, verdict)


def _changed(
    marked: Source, candidate: Candidate, probes: Sequence[Probe], variables: dict[str, Any] | None
) -> Attempt | None:
    """Say where the new markers change what the old ones let through: a marker may change the text it encloses."""
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


def _problem(source: Source, candidate: Candidate, verdict: Verdict) -> Attempt | None:
    """What the judge or a rule objects to."""
    line = verdict.blame.line if verdict.blame else 0
    if verdict.outcome != "holds":
        reason = f"the best patch found ({candidate.method}) is not proven: {_words(verdict)}"
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


def _words(verdict: Verdict) -> str:
    blame = verdict.blame
    if blame is None:
        return "nothing could be checked"
    shown = ""
    if blame.outcome == "fails" and (blame.expected or blame.actual):
        shown = f" (expected {_short(blame.expected)}, found {_short(blame.actual)})"
    return f"{blame.claim} {blame.outcome} on the probe {blame.probe!r}: {blame.detail}{shown}"


def _short(text: str, most: int = 60) -> str:
    return repr(text) if len(text) <= most else f"{text[: most // 2]!r} … {text[-most // 2 :]!r}"
