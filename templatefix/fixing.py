"""Fix one template: already correct? registry? synthesis? The first candidate that is proven wins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from templatefix import registry, synthesis
from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import reaching
from templatefix.diagnosis import changed, diagnose, objection, quoted, unfit, words
from templatefix.edits import Newlines
from templatefix.errors import SyntaxProblem, TemplateFixError
from templatefix.expected import Expectations
from templatefix.judge import judge, judge_declared
from templatefix.model import (
    DEFAULT_POLICY,
    Allowance,
    Attempt,
    Candidate,
    Note,
    Outcome,
    Policy,
    Refusal,
    RefusalKind,
    Template,
    Verdict,
)
from templatefix.stripping import strip
from templatefix.syntax import Source, is_marked, parse, same_without_markers

_OF_THE_TEMPLATE = (
    RefusalKind.NOT_A_CHAT_TEMPLATE,
    RefusalKind.RENDERS_NOTHING,
    RefusalKind.TEXT_DROPPED,
    RefusalKind.QUOTED_AS_INPUT,
)
"""What no markers could cure, whichever a template has."""

_TYPED = Note(
    "header-can-be-typed",
    "turns are found by the text of their header: typed in a list of parts or printed with a tool's result, it is "
    "taken for one, and what follows is trained",
)

Propose = Callable[[Expectations, Policy], Iterator[Candidate | Attempt]]
"""From what a template without markers is expected to train, and a policy, to patches, the best first."""


def proposals(
    expectations: Expectations, policy: Policy, allow: Collection[str] = ()
) -> Iterator[Candidate | Attempt]:
    """Propose what the registry has for a template, then what synthesis finds, then what a user allows."""
    yield from registry.candidates(expectations.analysis.source.text)
    yield from synthesis.candidates(expectations, policy)
    if Allowance.CAPTURE_ALL in allow:
        yield synthesis.whole(expectations)


def training(expectations: Expectations, policy: Policy) -> Iterator[Candidate | Attempt]:
    """Propose the patches that also change the text, as they declare."""
    yield from registry.candidates(expectations.analysis.source.text, variant="training")
    yield Attempt("no training variant is known for this template")


def fix(template: Template, propose: Propose = proposals, policy: Policy = DEFAULT_POLICY) -> Outcome:
    """Put the right markers into a template, or say why not.

    Args:
        template ([`Template`]): The template as it was read.
        propose (`Callable`): Where patches come from; none is believed before it is judged.
        policy ([`Policy`]): Which turns are to be trained, and where their spans begin. Markers that are there may
            hold whitespace behind the end of turn if it says so; patches leave it out.

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
    if is_marked(source.tree):
        return _marked(template, source, variables, propose, policy)
    return _patched(template, template.source, variables, propose, policy)


def _patched(
    template: Template,
    plain: str,
    variables: dict[str, Any] | None,
    propose: Propose,
    policy: Policy,
    marked: Source | None = None,
) -> Outcome:
    """Patch the template's text without markers; where it has had some, keep what it printed with them."""
    source = parse(plain, where=template.label)
    attempts: list[Attempt] = []
    policy = replace(policy, whitespace="excluded")
    expectations = _expected(source, variables, template.special_tokens, policy)
    probes = expectations.probes
    if refusal := quoted(expectations):
        return _refused(template, refusal)
    for candidate in propose(expectations, policy):
        if isinstance(candidate, Attempt):
            attempts.append(candidate)
            continue
        try:
            verdict = _judged(candidate, source, variables, expectations, policy)
        except SyntaxProblem as error:  # an anchor of the registry stood where nobody had reviewed it
            reason = f"the best patch found ({candidate.method}) does not parse: {error.what}"
            attempts.append(Attempt(reason, error.line, candidate.method, candidate.family))
            continue
        problem = objection(source, candidate, verdict)
        if problem is None and marked is not None:
            problem = changed(marked, candidate, probes, variables)
        if problem is not None:
            attempts.append(problem)
            continue
        after = Newlines.of(plain).apply(candidate.edits)
        if marked is not None and not same_without_markers(marked, source):
            verdict = replace(verdict, proven=False)
        if candidate.method == "capture-all":
            verdict = replace(verdict, notes=(*verdict.notes, _TYPED))
        return Outcome(
            template,
            "patched",
            after,
            verdict,
            candidate.method,
            candidate.family,
            attempts=tuple(attempts),
        )
    return _refused(template, diagnose(source, attempts, expectations), attempts)


def _refused(
    template: Template, refusal: Refusal, attempts: Sequence[Attempt] = (), verdict: Verdict | None = None
) -> Outcome:
    """Refuse; the verdict is that of the markers which the template has."""
    verdict = verdict or Verdict()
    return Outcome(template, "refused", template.source, verdict, refusal=refusal, attempts=tuple(attempts))


def _expected(
    source: Source, variables: dict[str, Any] | None, special_tokens: Sequence[str], policy: Policy
) -> Expectations:
    analysis = TemplateAnalysis(source, variables, special_tokens)
    return Expectations(analysis, reaching(analysis, policy)[0])


def _judged(
    candidate: Candidate,
    source: Source,
    variables: dict[str, Any] | None,
    expectations: Expectations,
    policy: Policy,
) -> Verdict:
    text, after = source.text, candidate.after
    if candidate.changes:
        return judge_declared(
            after, variables, original=text, changes=candidate.changes, probes=expectations.probes
        )
    return judge(after, variables, original=text, expectations=expectations, policy=policy, fail_fast=True)


def _marked(
    template: Template, source: Source, variables: dict[str, Any] | None, propose: Propose, policy: Policy
) -> Outcome:
    verdict = judge(source.text, variables, special_tokens=template.special_tokens, policy=policy)
    if verdict.outcome == "holds":
        return Outcome(template, "correct", template.source, verdict)
    line = verdict.blame.line if verdict.blame else 0
    wrong = f"it has markers already, and they are not right: {words(verdict)}"
    if verdict.outcome != "fails":  # markers that are not refuted stay
        wrong = f"it has markers already, and they cannot be judged: {words(verdict)}"
        attempts = [Attempt(wrong, line, verdict=verdict)]
        refusal = diagnose(source, attempts, _expected(source, variables, template.special_tokens, policy))
        return _refused(template, refusal, verdict=verdict)
    try:
        plain = strip(template, strict=False)  # what that changes is looked for on the probes
    except TemplateFixError as error:
        refusal = Refusal(RefusalKind.WRONG_MARKERS, f"{wrong}; {error.what}", line)
        return _refused(template, refusal, verdict=verdict)
    outcome = _patched(template, plain, variables, propose, policy, source)
    if outcome.refusal is None:
        return outcome
    known = _lines(Newlines.of(plain).normal, source.text)
    attempts = [replace(each, line=known.get(each.line, 0)) for each in outcome.attempts]
    refusal = replace(outcome.refusal, line=known.get(outcome.refusal.line, 0))
    if refusal.kind not in _OF_THE_TEMPLATE:
        refusal = Refusal(RefusalKind.WRONG_MARKERS, f"{wrong}; without them, {refusal.reason}", line)
    return _refused(template, refusal, attempts, verdict)


def _lines(plain: str, marked: str) -> dict[int, int]:
    """Which line of a text with markers each line of the text without them is."""
    matcher = SequenceMatcher(None, plain.split("\n"), marked.split("\n"), autojunk=False)
    pairs = (
        (range(old, old_end), range(new, new_end))
        for kind, old, old_end, new, new_end in matcher.get_opcodes()
        if kind in ("equal", "replace")
    )
    return {one + 1: other + 1 for ours, theirs in pairs for one, other in zip(ours, theirs, strict=False)}
