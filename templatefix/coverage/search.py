"""Look for conversations on which a template takes the ways that it took on no other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice

from jinja2 import nodes

from templatefix.coverage.observe import Observer
from templatefix.coverage.outputs import Outputs
from templatefix.model import Span
from templatefix.probes import Probe, lookups, probes_for_condition
from templatefix.syntax import conditions, span_of

_ROUNDS = 4
"""What one probe reaches may hold further conditions."""
_TRIES_EACH, _ALL_TRIES = 40, 300
"""How many probes are tried for one condition, and for all of them."""


def search(observer: Observer, names: Collection[str] = ()) -> list[Probe]:
    """Return probes that reach more than those the observer has seen; it has seen them afterwards.

    Args:
        observer (`Observer`): What the probes have reached so far.
        names (`Collection[str]`): Other names of the assistant; probes of them are left out.
    """

    def fits(probe: Probe) -> bool:
        return not any(turn.role in names for turn in probe.turns)

    found = [probe for probe in lookups(observer.source) if fits(probe) and observer.see([probe])]
    return [*found, *_both_ways(observer, fits), *_in_arms(observer, fits)]


def _in_arms(observer: Observer, fits: Callable[[Probe], bool]) -> Iterator[Probe]:
    """Yield probes on which an assistant's turn prints what inline ifs kept from it."""
    tries = _ALL_TRIES
    outputs = Outputs(observer)
    left = {span_of(test): test for test in outputs.unprinted()}
    for span, test in dict(left).items():
        for probe in islice(
            probes_for_condition(observer.source, test, observer.asked_by.get(span)), _TRIES_EACH
        ):
            if tries == 0 or span not in left:
                break
            tries -= 1
            if fits(probe) and observer.see([probe]):
                left = {span_of(each): each for each in outputs.unprinted()}
                yield probe


def _both_ways(observer: Observer, fits: Callable[[Probe], bool]) -> Iterator[Probe]:
    """Yield probes that give a condition the answer which it had on no other, as far as one is found."""
    known = conditions(observer.source.tree)
    asked: set[Span] = set()
    tries = _ALL_TRIES
    for _ in range(_ROUNDS):
        left = [span for span, answers in observer.answers.items() if len(answers) == 1 and span in known]
        for span in sorted(set(left) - asked):
            asked.add(span)
            change = ""
            for probe in islice(_candidates(observer, span, known), _TRIES_EACH):
                # What has met the condition is tried on other conversations too: another condition may need both.
                if tries == 0 or (change and not probe.name.endswith(change)):
                    continue
                tries -= 1
                if fits(probe) and observer.see([probe]):
                    yield probe
                if len(observer.answers[span]) == 2 and not change:
                    change = probe.name.rpartition(", ")[2]


def _candidates(observer: Observer, span: Span, known: Mapping[Span, nodes.Expr]) -> Iterator[Probe]:
    return probes_for_condition(observer.source, known[span], observer.asked_by.get(span))
