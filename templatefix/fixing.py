"""Fix one template: already correct? registry? synthesis? The first candidate that is proven wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from templatefix import registry, rules, synthesis
from templatefix.coverage import reaching
from templatefix.edits import Newlines
from templatefix.errors import RenderError, SyntaxProblem, TemplateFixError
from templatefix.judge import judge, judge_declared
from templatefix.model import Candidate, Method, Outcome, Severity, Status, Template, Verdict
from templatefix.probes import PLACEHOLDERS, Probe
from templatefix.render import Renderer
from templatefix.stripping import strip
from templatefix.syntax import Source, is_generation, parse, same_without_markers, walk
from templatefix.synthesis import Refusal

Propose = Callable[[Source, Mapping[str, Any] | None, Sequence[Probe]], Iterator[Candidate | Refusal]]
"""From a template without markers, its special tokens and its probes to patches, the best first."""


def proposals(
    source: Source, variables: Mapping[str, Any] | None, probes: Sequence[Probe]
) -> Iterator[Candidate | Refusal]:
    """Propose what the registry has for a template, then what synthesis finds."""
    yield from registry.candidates(source.text)
    yield from synthesis.candidates(source, variables, probes)


def training(source: Source, *_: object) -> Iterator[Candidate | Refusal]:
    """Propose the patches that also change the text, as they declare."""
    yield from registry.candidates(source.text, variant="training")
    yield Refusal("no training variant is known for this template")


def fix(template: Template, propose: Propose = proposals) -> Outcome:
    """Put the right markers into a template, or say why not.

    Args:
        template ([`Template`]): The template as it was read.
        propose (`Callable`): Where patches come from; none is believed before it is judged.

    Returns:
        [`Outcome`]: `correct`, `patched` with a verdict that holds, or `refused` with the reason.

    Raises:
        SyntaxProblem: The template does not parse.
    """
    source = parse(template.source, where=template.label)
    variables = dict(template.variables) or None
    if any(is_generation(node) for node, _ in walk(source.tree)):
        return _marked(template, source, variables, propose)
    return _patched(template, template.source, variables, propose)


def _patched(
    template: Template,
    plain: str,
    variables: dict[str, Any] | None,
    propose: Propose,
    marked: Source | None = None,
) -> Outcome:
    """Patch the template's text without markers; where it has had some, keep what it printed with them."""
    source = parse(plain, where=template.label)
    refused: list[str] = []
    reasons: list[str] = []
    probes, _ = reaching(source, variables)
    for candidate in propose(source, variables, probes):
        if isinstance(candidate, Refusal):
            refused.append(candidate.reason)
            continue
        try:
            verdict = _judged(candidate, source, variables, probes)
        except SyntaxProblem as error:  # an anchor of the registry stood where nobody had reviewed it
            reasons.append(f"the best patch found ({candidate.method}) does not parse: {error.message}")
            continue
        problem = _problem(candidate, verdict)
        if problem is None and marked is not None:
            problem = _changed(marked, candidate, probes, variables)
        if problem is None:
            after = Newlines.of(plain).apply(candidate.edits)
            if marked is not None and not same_without_markers(marked, source):
                verdict = replace(verdict, proven=False)
            return _outcome(
                template, "patched", after, verdict, method=candidate.method, family=candidate.family
            )
        reasons.append(problem)
    nothing = "no probe conversation makes the template print an assistant turn"
    reason = next(iter([*reasons, *refused]), nothing)
    return _outcome(template, "refused", template.source, Verdict(), reason=reason)


def _judged(
    candidate: Candidate, source: Source, variables: dict[str, Any] | None, probes: Sequence[Probe]
) -> Verdict:
    if not candidate.changes:
        return judge(candidate.after, variables, original=source.text, probes=probes)
    return judge_declared(
        candidate.after, variables, original=source.text, changes=candidate.changes, probes=probes
    )


def _marked(
    template: Template, source: Source, variables: dict[str, Any] | None, propose: Propose
) -> Outcome:
    verdict = judge(source.text, variables)
    if verdict.outcome == "holds":
        return _outcome(template, "correct", template.source, verdict)
    wrong = f"it has markers already, and they are not right: {_words(verdict)}"
    if verdict.outcome != "fails":  # markers that are not refuted stay
        return _outcome(template, "refused", template.source, verdict, reason=wrong)
    try:
        plain = strip(template, strict=False)  # what that changes is looked for on the probes
    except TemplateFixError as error:
        return _outcome(template, "refused", template.source, verdict, reason=f"{wrong}; {error.what}")
    outcome = _patched(template, plain, variables, propose, source)
    if outcome.status == "patched":
        return outcome
    reason = f"{wrong}; without them, {outcome.reason}"
    return _outcome(template, "refused", template.source, verdict, reason=reason)


def _changed(
    marked: Source, candidate: Candidate, probes: Sequence[Probe], variables: dict[str, Any] | None
) -> str | None:
    """Say where the new markers change what the old ones let through: a marker may change the text it encloses."""
    old, new = (Renderer(text, variables or PLACEHOLDERS) for text in (marked.text, candidate.after))
    for probe in probes:
        if _text(old, probe) != _text(new, probe):
            return f"with its old markers the template prints another text on the probe {probe.name!r}"
    return None


def _text(renderer: Renderer, probe: Probe) -> str | None:
    try:
        return renderer.render(probe.messages, **probe.arguments).text
    except RenderError:
        return None


def _problem(candidate: Candidate, verdict: Verdict) -> str | None:
    if verdict.outcome != "holds":
        return f"the best patch found ({candidate.method}) is not proven: {_words(verdict)}"
    findings = rules.check([Template.from_source(candidate.after)])
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    return f"the best patch found breaks {errors[0].code}: {errors[0].message}" if errors else None


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


def _outcome(
    template: Template,
    status: Status,
    after: str,
    verdict: Verdict,
    *,
    method: Method | None = None,
    reason: str = "",
    family: str = "",
) -> Outcome:
    return Outcome(template, status, after, verdict, method, reason, family)
