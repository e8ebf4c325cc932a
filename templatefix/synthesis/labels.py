"""Label each character of a render: inside an expected span, outside, or either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from templatefix.expected import Expectation, Expectations, ExpectedSpan, Undecided, region
from templatefix.model import DEFAULT_POLICY, Policy
from templatefix.probes import Probe
from templatefix.render import TracedRender

INSIDE, OUTSIDE, EITHER = "I", "O", "S"

NOT_TRAINED = "assistant, not trained"
"""In place of a role: the assistant's, in a turn that a policy leaves out."""

Prefill = Literal["best", "outside", "either", "inside"]
PREFILLS: tuple[Prefill, ...] = ("best", "outside", "either", "inside")
"""On which side of a marker a prefill stands, the best first.

`best`: inside if there is a generation prompt without it that the turn prints whole, for then the model writes it.
`either` lets each output decide, which may take fewer markers.
"""


class Marked:
    """A text with one label for each character."""

    __slots__ = ()
    labels: str

    @property
    def inside(self) -> bool:
        """Whether some of the text must be inside."""
        return INSIDE in self.labels

    @property
    def outside(self) -> bool:
        """Whether none of the text may be inside, and some must be outside."""
        return OUTSIDE in self.labels and not self.inside


@dataclass(frozen=True, slots=True)
class Labelled:
    """A traced probe with one label for each character.

    Args:
        probe (`Probe`): The conversation.
        trace (`TracedRender`): Its render in pieces.
        labels (`str`): One of `I`, `O`, `S` for each character of `trace.text`.
        starts (`frozenset[int]`): Where expected spans start, empty ones included.
        left (`frozenset[int]`): Indices of the assistant's messages that are not to be trained.
    """

    probe: Probe
    trace: TracedRender
    labels: str
    starts: frozenset[int]
    left: frozenset[int] = frozenset()

    def role(self, message: int | None) -> str:
        """Whose message is printed: a role, or `NOT_TRAINED`; empty outside of loops over messages."""
        if message is None:
            return ""
        return NOT_TRAINED if message in self.left else str(self.probe.messages[message]["role"])


def label(expectations: Expectations, prefill: Prefill, policy: Policy = DEFAULT_POLICY) -> list[Labelled]:
    """Label every probe that renders.

    Args:
        expectations (`Expectations`): What is expected on the probes.
        prefill (`str`): One of `PREFILLS`.
        policy (`Policy`): Which turns are to be trained, and whether with their headers.
    """
    cases = (expectations.of(probe) for probe in expectations.probes)
    special_tokens = expectations.analysis.special_tokens
    return [_label(case, prefill, special_tokens, policy) for case in cases if case.trace is not None]


def _label(case: Expectation, prefill: Prefill, special_tokens: Sequence[str], policy: Policy) -> Labelled:
    trace = case.trace
    assert trace is not None
    labels = [OUTSIDE] * len(trace.text)
    starts: set[int] = set()

    def paint(low: int, high: int, label: str) -> None:
        labels[low:high] = label * (high - low)

    turns = case.under(policy).turns
    left = frozenset(at for at in case.probe.assistant if not policy.trains(case.probe.messages, at))
    if case.unsupported:  # what the others say is outside all the same
        turns = tuple(Undecided(at, case.unsupported) for at in case.probe.assistant if at not in left)
    for turn in turns:
        if not isinstance(turn, ExpectedSpan):
            paint(*region(trace, case.probe.messages, turn.message), EITHER)
            continue
        if not turn.starts:
            continue
        first, last, end = min(turn.starts), max(turn.starts), max(turn.ends)
        if turn.optional:
            end = max(end, last)
            paint(turn.header, end, EITHER)
        else:
            begins = {"best": turn.start, "outside": last, "either": last, "inside": first}[prefill]
            header = trace.text[turn.header : first]
            if policy.header == "included" and header.strip():
                begins = first = last = first - len(header.lstrip())
            starts |= {first, last} if prefill == "either" else {begins}
            paint(begins, turn.end, INSIDE)
            if prefill == "either":
                paint(first, last, EITHER)
            paint(turn.end, end, EITHER)
        # Whitespace behind the end of turn is better left out, but harmless.
        while end < len(trace.text) and trace.text[end].isspace() and trace.at(end) in (turn.message, None):
            labels[end] = EITHER
            end += 1
        if turn.next_stop:
            paint(*turn.next_stop, INSIDE if turn.needs_stop(trace.text, special_tokens) else EITHER)
        for stretch in turn.interruptions:
            paint(stretch.start, stretch.end, OUTSIDE)
    return Labelled(case.probe, trace.rendered, "".join(labels), frozenset(starts), left)
