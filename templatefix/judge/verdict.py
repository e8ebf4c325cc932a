"""Judge one template on all probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from templatefix.errors import RenderError
from templatefix.judge import claims
from templatefix.judge.coverage import Coverage, coverage
from templatefix.judge.tracker import tracked
from templatefix.model import Check, Claim, Policy, Rendered, Verdict
from templatefix.oracle import Expectation, Owed, expect
from templatefix.probes import PLACEHOLDERS, Probe, probes_for
from templatefix.render import Renderer
from templatefix.syntax import parse, same_without_markers

POLICY = Policy()
"""Where the spans are expected, printed with every verdict."""


def judge(
    source: str,
    variables: Mapping[str, Any] | None = None,
    *,
    original: str | None = None,
    probes: Sequence[Probe] | None = None,
) -> Verdict:
    """Judge a chat template with markers.

    The owed spans are learned from the original where there is one, so that a patch cannot change what it
    is measured by.

    Args:
        source (`str`): The template with markers.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        original (`str`, *optional*): The template before it was patched.
        probes (`Sequence[Probe]`, *optional*): The conversations; `probes_for` the original if `None`.

    Returns:
        [`Verdict`]: `holds` only if every claim holds on every probe that renders, and a conversation with two
        assistant turns is among them.

    Raises:
        SyntaxProblem: A template does not compile.
    """
    variables = PLACEHOLDERS if variables is None else variables
    unmarked = parse(source if original is None else original)
    probes = probes_for(unmarked) if probes is None else probes
    after = Renderer(source, variables)
    before = Renderer(original, variables) if original is not None else after
    checks: list[Check] = []
    expectations = expect(before, probes)
    for expectation in expectations:
        checks += _probe(expectation, source, after, before, variables)
    if not any(len(each.turns) > 1 for each in expectations):
        reason = _try(lambda: before.render(probes[0].messages, **probes[0].arguments))
        reason = f": it raises {reason}" if isinstance(reason, str) else ""
        detail = f"no probe conversation of two assistant turns renders{reason}"
        checks.append(Check(Claim.EXACT_SPAN, "all", "undecided", detail=detail))
    marked = parse(source)
    proven = original is not None and same_without_markers(unmarked, marked)
    covered = coverage(marked, variables, probes)
    if covered.unmarked:
        detail = f"an assistant's turn may print the output in line {_lines(covered.unmarked)}, and no probe reached it"
        checks.append(Check(Claim.EXACT_SPAN, "none", "undecided", detail=detail))
    return Verdict(tuple(checks), POLICY, (*_open_ended(expectations), *_unreached(covered)), proven)


def _probe(
    expectation: Expectation, source: str, after: Renderer, before: Renderer, variables: Mapping[str, Any]
) -> list[Check]:
    probe = expectation.probe
    rendered = _try(lambda: after.render(probe.messages, **probe.arguments))
    checks = []
    if before is not after:
        plain = _try(lambda: before.render(probe.messages, **probe.arguments))
        checks.append(claims.same_text(probe.name, plain, rendered))
    if isinstance(rendered, str) or expectation.text is None:
        return checks
    theirs = _try(lambda: tracked(source, probe, variables))
    checks.append(claims.tracker_true(probe.name, rendered, theirs))
    spans = rendered.spans if isinstance(theirs, str) else theirs.spans
    if rendered.text == expectation.text:
        checks += [claims.exact_span(expectation, spans), claims.no_leak(expectation, spans)]
    return checks


def _unreached(covered: Coverage) -> tuple[str, ...]:
    if not covered.marked:
        return ()
    return (
        f"no probe reached the output in line {_lines(covered.marked)}: that it is marked was not tested",
    )


def _lines(lines: Sequence[int]) -> str:
    return ", ".join(str(line) for line in lines)


def _open_ended(expectations: Sequence[Expectation]) -> tuple[str, ...]:
    owed = [
        turn
        for each in expectations
        for turn in each.turns
        if isinstance(turn, Owed)
        and any(text in str(each.text) for text in each.probe.turns[turn.turn].texts)
    ]
    if not owed or any(len(turn.ends) == 1 for turn in owed):
        return ()
    return ("no text closes the assistant's turns, so training on them does not teach the model to stop",)


def _try(action: Callable[[], Rendered]) -> Rendered | str:
    try:
        return action()
    except RenderError as error:
        return error.what
