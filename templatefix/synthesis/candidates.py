"""Candidates for one template, the most readable first."""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.edits import apply
from templatefix.errors import SyntaxProblem
from templatefix.expected import Expectations
from templatefix.model import DEFAULT_POLICY, Attempt, Candidate, Method, Policy
from templatefix.syntax import Source, parse, same_without_markers
from templatefix.synthesis.capture import captured
from templatefix.synthesis.guard import Trained
from templatefix.synthesis.labels import PREFILLS, Labelled, label
from templatefix.synthesis.outputs import Leaf, observe
from templatefix.synthesis.placement import Planner
from templatefix.synthesis.writing import Obstacle

_BLOCK = 100
"""How many added characters one more block may spare."""
_METHODS: tuple[Method, ...] = ("partition", "guard", "split")


def candidates(expectations: Expectations, policy: Policy = DEFAULT_POLICY) -> Iterator[Candidate | Attempt]:
    """Propose patched templates that print what the original prints, the most readable first.

    Args:
        expectations (`Expectations`): What a template without markers is expected to train.
        policy (`Policy`): Which turns are to be trained, and where their spans begin.

    Yields:
        [`Candidate`] or [`Attempt`]: Candidates, none of them judged yet, and why other ways led to none.
    """
    source = expectations.analysis.source
    readings: list[list[Labelled]] = []
    for prefill in PREFILLS if policy.prefill == "either" else [policy.prefill]:
        labelled = label(expectations, prefill, policy)
        if labelled not in readings:
            readings.append(labelled)
    known: set[str] = {source.text}
    trained = Trained(expectations.analysis.aliases, policy.turns)
    for each in _staged(source, readings, trained):
        text = each.reason if isinstance(each, Attempt) else each.after
        if text not in known:
            known.add(text)
            yield each


def _staged(
    source: Source, readings: list[list[Labelled]], trained: Trained
) -> Iterator[Candidate | Attempt]:
    """Whole statements and outputs first, then parts of values, then captured turns.

    A reading that one of these places exactly needs no other: the spans would be the same.
    """
    left = list(readings)
    for part in (False, True):
        inexact = []
        for labelled in left:
            placed, exact = _placed(source, observe(labelled), trained, part)
            yield from placed
            if not exact:
                inexact.append(labelled)
        left = inexact
    for labelled in left:
        yield _captured(source, labelled, trained)


def _placed(
    source: Source, seen: dict[int, Leaf], trained: Trained, part: bool
) -> tuple[list[Candidate | Attempt], bool]:
    """Plan with guards around outputs and around whole statements; say whether a plan is exact."""
    found: list[Candidate] = []
    refused: list[Attempt] = []
    exact = False
    for flat, join in ((False, False), (True, False), (False, True)):
        planner = Planner(source, seen, trained, flat, join, part)
        try:
            candidate = _planned(source, planner)
        except Obstacle as refusal:
            refused.append(Attempt(refusal.reason, refusal.line))
            continue
        if candidate is None:
            refused.append(Attempt("whitespace control around the markers would change the output"))
        else:
            found.append(candidate)
            exact = exact or not planner.loose
    return [*sorted(found, key=_cost), *refused], exact


def _planned(source: Source, planner: Planner) -> Candidate | None:
    """Plan the edits; `None` unless they give the same program, markers aside."""
    edits, methods = planner.plan(), planner.methods
    after = apply(source.text, edits)
    try:
        # Parts of a value recombine, but that is beyond the proof; the judge tests it.
        if not same_without_markers(source, parse(after)) and "partition" not in methods:
            return None
    except SyntaxProblem:
        return None
    method: Method = next((each for each in _METHODS if each in methods), "wrap")
    return Candidate(after, method, tuple(sorted(edits)))


def _captured(source: Source, labelled: list[Labelled], trained: Trained) -> Candidate | Attempt:
    try:
        edits = captured(source, labelled, trained)
        after = apply(source.text, edits)
        parse(after)
    except Obstacle as refusal:
        return Attempt(refusal.reason, refusal.line)
    except SyntaxProblem as problem:
        return Attempt(problem.what)
    return Candidate(after, "capture", tuple(sorted(edits)))


def _cost(candidate: Candidate) -> int:
    """What a reviewer has to read: characters, with a price on each block."""
    return len(candidate.after) + _BLOCK * candidate.after.count("endgeneration")
