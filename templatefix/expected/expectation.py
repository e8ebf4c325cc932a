"""What a template is expected to train on each probe; see [`Expectations`]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from templatefix.analysis import Interval, TemplateAnalysis, Trace, View
from templatefix.errors import LimitError
from templatefix.expected.prefixes import objection
from templatefix.expected.shapes import span_of_turn
from templatefix.expected.sites import Sites
from templatefix.expected.spans import ExpectedSpan, Undecided
from templatefix.expected.texts import common_prefix
from templatefix.model import Policy
from templatefix.probes import Probe, of_others

Turn = ExpectedSpan | Undecided


@dataclass(frozen=True)
class Expectation:
    """What is expected on one probe.

    Args:
        probe (`Probe`): The conversation.
        trace (`Trace`, *optional*): Its render; `None` where the template raises or a limit is hit.
        turns (`tuple`): An [`ExpectedSpan`] or [`Undecided`] for each assistant message.
        limit (`str`): The limit that the render went over; empty if it did not.
        unsupported (`str`): Why the probe proves nothing: the template does not support its format; empty if it does.
        prefix_stable (`bool`): Whether each turn stays as it was when messages follow.
        mismatch (`tuple[str, str]`, *optional*): What inference prepends to the first turn that does not begin with it,
            and what the turn begins with.
    """

    probe: Probe
    trace: Trace | None
    turns: tuple[Turn, ...] = ()
    limit: str = ""
    unsupported: str = ""
    prefix_stable: bool = False
    mismatch: tuple[str, str] | None = None

    @property
    def text(self) -> str | None:
        """The rendered text."""
        return self.trace.text if self.trace else None

    def under(self, policy: Policy) -> Expectation:
        """Return what is expected where only some turns are trained: the others are no turns then.

        Args:
            policy (`Policy`): Which turns.
        """
        messages = self.probe.messages
        turns = tuple(turn for turn in self.turns if policy.trains(messages, turn.message))
        return replace(self, turns=turns) if turns != self.turns else self

    @property
    def trained(self) -> list[int]:
        """Indices of the messages whose turns are to be trained."""
        return [turn.message for turn in self.turns]

    def foreign(self) -> list[Interval]:
        """Return where text stands that is not the assistant's: other roles' messages, tools, documents."""
        trace = self.trace
        if trace is None:
            return []
        assistant = set(self.probe.assistant)
        found = []
        for index, (origin, says) in enumerate(zip(trace.origins, trace.messages, strict=True)):
            offered = origin.kind == "variable" and origin.place in ("tools", "documents")
            if offered or (says and not says & assistant):
                found.append((trace.starts[index], trace.ends[index]))
        return found

    def said(self, message: int, keys: Sequence[str]) -> list[Interval]:
        """Return where the text of some keys of a message stands."""
        trace = self.trace
        if trace is None:
            return []
        return [
            (trace.starts[index], trace.ends[index])
            for index, origin in enumerate(trace.origins)
            if origin.kind == "message" and origin.place[0] == message and origin.place[1] in keys
            if message in trace.messages[index]  # not what tools answered
            if trace.ats[index] in (message, None)  # a call's name may be printed again with its result
        ]


def expected_spans(view: View, role: str = "assistant") -> list[Turn]:
    """Return the expected span of each assistant turn, or why it is not known.

    Args:
        view (`View`): The conversation.
        role (`str`): The assistant's role.
    """
    turns = [index for index, message in enumerate(view.messages) if message.get("role") == role]
    return [_span(view, index) for index in turns]


def _span(view: View, k: int) -> Turn:
    try:
        full = view.full
        if full is None:
            return Undecided(k, "the template raises on this conversation")
        return span_of_turn(view, full, k)
    except LimitError as error:
        return Undecided(k, error.what)


_SHOWN = 20
"""How many characters of a turn are shown behind where it differs from the prompt."""
_NOT_BY_PROMPT = frozenset(
    ("bare", "no-prompt", "printed-as-user", "transferred", "unasked", "decided-by-site")
)
"""How a turn was found whose start no generation prompt tells."""
_WEAK = frozenset(("bare", "no-prompt", "transferred"))
"""Those of them by which the start of one turn is only guessed from another."""


def _doubted(turn: Turn) -> Turn:
    """The turn, undecided if its start is only guessed: places that other turns decide tell it better."""
    if isinstance(turn, Undecided) or not turn.starts or not turn.flags & _WEAK:
        return turn
    return Undecided(turn.message, "no generation prompt tells where it starts")


class Expectations:
    """What a template is expected to train, inferred over many probes.

    Args:
        analysis (`TemplateAnalysis`): The template.
        probes (`Sequence[Probe]`): The conversations to infer from.
    """

    def __init__(self, analysis: TemplateAnalysis, probes: Sequence[Probe]) -> None:
        self.analysis = analysis
        self.probes = tuple(probes)
        self.sites = Sites()
        first = {probe.name: self._infer(probe) for probe in probes}
        for each in first.values():
            self._learn(each, tuple(_doubted(turn) for turn in each.turns))
        self._known = {name: self._decided(each) for name, each in first.items()}
        for each in self._known.values():
            self._learn(each, each.turns)
        # Where all starts are only guessed, places are known from here on.
        self._known = {name: self._decided(each, lambda turn: turn) for name, each in self._known.items()}

    def of(self, probe: Probe) -> Expectation:
        """Return what is expected on one probe."""
        known = self._known.get(probe.name)
        if known is not None and known.probe is probe:
            return known
        return self._decided(self._infer(probe))

    def _learn(self, case: Expectation, turns: tuple[Turn, ...]) -> None:
        if case.trace is not None and not case.unsupported:
            self.sites.learn(case.trace, case.probe.messages, turns)

    @property
    def opens_turns(self) -> bool:
        """Whether some turn begins with a generation prompt, or with its header."""
        turns = [turn for each in self._known.values() for turn in each.turns]
        return any(
            isinstance(turn, ExpectedSpan) and turn.starts and not turn.flags & _NOT_BY_PROMPT
            for turn in turns
        )

    def _infer(self, probe: Probe) -> Expectation:
        view = self.analysis.view(probe.messages, probe.tools, probe.options)
        try:
            trace = view.full
            if trace is None:
                return Expectation(probe, None)
            if why := _unsupported(view, trace, probe):
                return Expectation(probe, trace, unsupported=why)
            turns = tuple(self._checked(view, trace, turn) for turn in expected_spans(view))
            if any(_out_of_order(probe, turn) for turn in turns):
                return Expectation(
                    probe, trace, unsupported="an assistant's message is printed as a question"
                )
            stable, mismatch = _stable(view, trace), _mismatch(view, trace)
        except LimitError as error:
            return Expectation(probe, None, limit=error.what)
        return Expectation(probe, trace, turns, prefix_stable=stable, mismatch=mismatch)

    def _checked(self, view: View, trace: Trace, turn: Turn) -> Turn:
        """Return the turn, or undecided where the second road objects."""
        if isinstance(turn, Undecided) or turn.optional or any(map(of_others, view.messages[turn.message])):
            return turn  # prefixes know nothing of a result that the message holds
        elsewhere = turn.flags & {"closed-by-next", "transferred", "after-loop"}
        end = min(turn.starts) if elsewhere else min(turn.ends)
        why = objection(view, trace.text, turn.message, turn.starts, end)
        reason = f"prefixes of plain renders disagree: {why}"
        return Undecided(turn.message, reason, vetoed=True) if why else turn

    def _decided(self, each: Expectation, doubt: Callable[[Turn], Turn] = _doubted) -> Expectation:
        trace, messages = each.trace, each.probe.messages
        if trace is None:
            return each

        def decided(turn: Turn) -> Turn:
            doubted = doubt(turn)
            if not isinstance(doubted, Undecided) or doubted.vetoed:
                return turn
            found = self.sites.decide(trace, messages, doubted)
            if isinstance(turn, Undecided):
                return found or turn
            if found is not None and turn.start not in found.starts:
                best = self.sites.best_start(trace, messages, found.starts)
                return replace(turn, starts=turn.starts | found.starts, prompted=best)
            early = (
                self.sites.first_inside(trace, messages, turn) if found is None and turn.optional else None
            )
            return turn if early is None else replace(turn, starts=turn.starts | {early})

        turns = tuple(map(decided, each.turns))
        return replace(each, turns=turns) if turns != each.turns else each


def _out_of_order(probe: Probe, turn: Turn) -> bool:
    """Whether an assistant's message is printed as a question because no question is before it."""
    asked = turn.message > 0 and probe.messages[turn.message - 1].get("role") != "assistant"
    return not asked and isinstance(turn, ExpectedSpan) and "printed-as-user" in turn.flags


def _unsupported(view: View, trace: Trace, probe: Probe) -> str:
    """Say why a template does not support the form of a conversation."""
    if any(
        isinstance(probe.messages[at].get("content"), list | dict)
        and probe.messages[at].get("role") != "tool"
        for at in trace.rendered.lists
    ):
        return "content in this form is printed as Python's repr"
    turns = [str(message.get("role")) for message in probe.messages]
    if not view.analysis.reads_roles and any(
        role != ("user", "assistant")[index % 2] for index, role in enumerate(turns)
    ):
        return "the template reads no roles, and this conversation does not take turns"
    for index, message in enumerate(probe.messages):
        role = turns[index]
        if role in ("user", "assistant") or role in view.analysis.words:
            continue
        messages = [*probe.messages]
        messages[index] = {**message, "role": "assistant"}
        render = view.render(messages)
        if render is not None and render.text == trace.text:
            return f"a message of the role {role!r}, which the template does not name, is printed as the assistant's"
    return ""


def _stable(view: View, trace: Trace) -> bool:
    plain = view.analysis.plain
    for index, message in enumerate(view.messages):
        if message.get("role") == "assistant":
            alone = plain(view.messages[: index + 1], view.tools, False, view.options)
            if alone is not None and not trace.text.startswith(alone.rstrip()):
                return False
    return True


def _mismatch(view: View, trace: Trace) -> tuple[str, str] | None:
    """Return the prompt and the beginning of the first turn that starts with no setting's prompt."""
    plain = view.analysis.plain
    for index, message in enumerate(view.messages):
        if message.get("role") != "assistant":
            continue
        before = view.messages[:index]
        asked = [plain(before, view.tools, True, options) for options in view.settings]
        if any(each is not None and trace.text.startswith(each) for each in asked):
            continue
        prompt, bare = asked[0] or "", plain(before, view.tools, False, view.options) or ""
        shared = common_prefix(prompt, trace.text)
        start = min(shared, common_prefix(prompt, bare))
        return prompt[start:], trace.text[start : start + max(len(prompt) - start, shared - start + _SHOWN)]
    return None
