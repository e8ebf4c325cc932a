"""Checks that stay undecided, whatever is marked: what no probe reached, or what another day decides otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2 import nodes

from templatefix.analysis import TemplateAnalysis
from templatefix.expected import Expectation, ExpectedSpan
from templatefix.model import Check, Claim, Coverage, Policy
from templatefix.syntax import Source, conditions


def two_turns(cases: Sequence[Expectation], analysis: TemplateAnalysis) -> Iterator[Check]:
    """Leave open what was never seen to go on behind an answer: no probe of two assistant turns renders."""
    if any(
        sum(isinstance(turn, ExpectedSpan) and not turn.optional for turn in each.turns) > 1 for each in cases
    ):
        return
    first = cases[0].probe
    reason = analysis.error(first.messages, first.tools, False, first.options)
    why = f": it raises {reason.what}" if reason is not None else ""
    detail = f"no probe conversation of two assistant turns renders{why}"
    yield Check(Claim.EXACT_SPAN, "all", "undecided", detail=detail, fault="no-two-turns")


def left_out(cases: Sequence[Expectation], policy: Policy) -> Iterator[Check]:
    """Leave open whether turns stay out that are not to be trained: no probe of one renders."""
    if policy.turns == "all":
        return
    rendered = [each for each in cases if each.trace is not None and not each.unsupported]
    if not any(len(each.under(policy).turns) < len(each.turns) for each in rendered):
        detail = "no probe conversation renders that has a turn which is not to be trained"
        yield Check(Claim.EXACT_SPAN, "all", "undecided", detail=detail, fault="no-turn-left-out")


def changing(source: Source) -> Iterator[Check]:
    """Leave open what a test decides by chance or by the date: another day, the template takes another way."""
    for span, condition in conditions(source.tree).items():
        calls = [
            each for each in (condition, *condition.find_all(nodes.Call)) if isinstance(each, nodes.Call)
        ]
        called = {call.node.name for call in calls if isinstance(call.node, nodes.Name)}
        chance = any(each.name == "random" for each in condition.find_all(nodes.Filter))
        if chance or called & {"strftime_now", "lipsum"}:
            line = source.position(span.start)[0]
            detail = f"the test in line {line} depends on chance or on the date"
            yield Check(
                Claim.EXACT_SPAN, "none", "undecided", detail=detail, line=line, fault="changing-test"
            )


def untested(coverage: Coverage, whose: str) -> Iterator[Check]:
    """Leave open what no probe reached, where the markers may be wrong there.

    Args:
        coverage (`Coverage`): What the probes reached.
        whose (`str`): What the lines are of, such as ` of the patched template`; empty for the template itself.
    """
    if coverage.unmarked:
        lines = ", ".join(map(str, coverage.unmarked))
        detail = f"an assistant turn may print the output in line {lines}{whose}, and no probe reached it"
        line = coverage.unmarked[0]
        yield Check(Claim.EXACT_SPAN, "none", "undecided", detail=detail, line=line, fault="untested-output")
    if coverage.foreign:
        lines, line = ", ".join(map(str, coverage.foreign)), coverage.foreign[0]
        detail = (
            f"the output in line {lines} is marked and may print a header, another role's text, or text behind the end "
            "of turn, and no probe reached that"
        )
        yield Check(Claim.NO_LEAK, "none", "undecided", detail=detail, line=line, fault="untested-output")
    if coverage.blocks:
        lines, line = ", ".join(map(str, coverage.blocks)), coverage.blocks[0]
        detail = (
            f"a condition that was never met would open the block in line {lines}{whose} for other roles too"
        )
        yield Check(Claim.EXACT_SPAN, "none", "undecided", detail=detail, line=line, fault="untested-output")
