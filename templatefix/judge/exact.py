"""EXACT_SPAN: is the marked text the expected span, turn by turn, and nothing else?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from templatefix.expected import Expectation, ExpectedSpan, Interruption, Undecided
from templatefix.judge.faults import faults
from templatefix.model import Check, Claim, Policy, Rendered, Span
from templatefix.render.spans import line_of, merged, texts_of


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch within a turn that may be unmarked.

    Args:
        exits (`frozenset[int]`): Offsets at which the marked text may break off before it.
        entries (`frozenset[int]`): Offsets at which it may go on behind it.
    """

    exits: frozenset[int]
    entries: frozenset[int]

    @classmethod
    def any_of(cls, low: int, high: int) -> Gap:
        """A stretch of which every part may be marked or not."""
        room = frozenset(range(low, high + 1))
        return cls(room, room)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where the marked text of one turn may start, break off and end.

    Args:
        message (`int`): Index of the message.
        starts (`frozenset[int]`): Where it may start.
        ends (`frozenset[int]`): Where it may end.
        header (`int`): Where the header before it begins.
        visible_end (`int`): Where its last visible character ends at the latest.
        optional (`bool`): Whether nothing need be marked.
        gaps (`tuple[Gap, ...]`): What may be left out within it.
        stop (`tuple[int, int]`, *optional*): Text of the next message's header with which the model stops.
        needs_stop (`bool`): Whether that text must be marked.
    """

    message: int
    starts: frozenset[int]
    ends: frozenset[int]
    header: int
    visible_end: int
    optional: bool = False
    gaps: tuple[Gap, ...] = ()
    stop: tuple[int, int] | None = None
    needs_stop: bool = False

    @property
    def window(self) -> Span:
        """The range in which marked text belongs to this turn."""
        first = min(min(self.starts), max(self.ends))
        return Span(min(self.header, first) if self.optional else first, max(self.ends))


def exact_span(
    expectation: Expectation,
    rendered: Rendered,
    spans: Iterable[Span],
    policy: Policy,
    special_tokens: Sequence[str] = (),
) -> list[Check]:
    """Judge whether the marked text is the expected span, turn by turn, and nothing else is marked.

    Args:
        expectation (`Expectation`): What is expected on the probe; it must have rendered.
        rendered (`Rendered`): The render, whose spans know the lines of their markers.
        spans (`Iterable[Span]`): The spans that were tracked.
        policy (`Policy`): Where both is defensible.
        special_tokens (`Sequence[str]`): Texts that the tokenizer holds as one token.

    Returns:
        `list[Check]`: One that holds or is undecided, or one for each fault of the first turn that is wrong.
    """
    name, text = expectation.probe.name, rendered.text
    marked = [span for span in merged(spans) if len(span)]
    expected = [
        allowed(turn, text, policy, special_tokens)
        for turn in expectation.turns
        if isinstance(turn, ExpectedSpan) and turn.starts
    ]
    blank: Check | None = None
    for turn in _joined(expected):
        inside = [span for span in marked if span.overlaps(turn.window)]
        marked = [span for span in marked if span not in inside]
        if turn.stop:
            stop = Span(*turn.stop)
            alone = [
                span for span in marked if stop.start <= span.start and not text[stop.end : span.end].strip()
            ]
            alone = [span for span in alone if span.overlaps(stop)]
            marked = [span for span in marked if span not in alone]
            inside += [span for span in alone if turn.needs_stop]
        if found := list(faults(expectation, turn, inside)):
            start = max(turn.starts)
            expected_text, actual = text[start : max(start, min(turn.ends))], texts_of(text, inside)
            line = line_of(rendered, inside)
            return [
                Check(Claim.EXACT_SPAN, name, "fails", expected_text, actual, detail, line, fault)
                for fault, detail in found
            ]
        if inside and not turn.optional and inside[-1].end > turn.visible_end and blank is None:
            trained, line = text[turn.visible_end : inside[-1].end], line_of(rendered, inside[-1:])
            detail = f"{trained!r} after the end of message {turn.message} is marked"
            blank = Check(Claim.EXACT_SPAN, name, "holds", "", trained, detail, line, "whitespace-trained")
    undecided = [turn for turn in expectation.turns if isinstance(turn, Undecided)]
    if undecided:
        detail = f"message {undecided[0].message}: {undecided[0].reason}"
        return [Check(Claim.EXACT_SPAN, name, "undecided", detail=detail, fault="span-unknown")]
    marked = [span for span in marked if not _of_silent_turn(expectation, span)]
    if marked:
        line, actual = line_of(rendered, marked), texts_of(text, marked)
        left = _left_out(expectation, marked)
        detail = "text is marked that belongs to no assistant turn"
        if left is not None:
            detail = f"message {left} is marked, and it is not to be trained"
        return [Check(Claim.EXACT_SPAN, name, "fails", "", actual, detail, line, "unexpected-text-trained")]
    return [blank or Check(Claim.EXACT_SPAN, name, "holds")]


def _left_out(expectation: Expectation, marked: Sequence[Span]) -> int | None:
    """Return the message of the assistant that the policy leaves out, and that is marked."""
    trace = expectation.trace
    left = set(expectation.probe.assistant) - set(expectation.trained)
    places = ((at, Span(*place)) for at in sorted(left) for place in (trace.own(at) if trace else []))
    return next((at for at, place in places if any(span.overlaps(place) for span in marked)), None)


def _of_silent_turn(expectation: Expectation, span: Span) -> bool:
    """Whether a span marks literals where the end of a turn may be of which nothing is printed."""
    trace = expectation.trace
    if trace is None or any(trace.messages[index] for index, _, _ in trace.segments_in(span.start, span.end)):
        return False
    silent = [
        turn.message for turn in expectation.turns if isinstance(turn, ExpectedSpan) and not turn.starts
    ]
    said = [at for at in range(len(expectation.probe.messages)) if trace.own(at)]
    return any(
        all(trace.own(at)[-1][1] <= span.start for at in said if at < message)
        and all(span.end <= trace.own(at)[0][0] for at in said if at > message)
        for message in silent
    )


def allowed(turn: ExpectedSpan, text: str, policy: Policy, special_tokens: Sequence[str] = ()) -> Allowed:
    """Return where the marked text of a turn may start and end under a policy."""
    starts, ends = turn.starts, turn.ends
    if turn.optional:
        last = max(max(starts), max(ends))
        last += len(text[last:]) - len(text[last:].lstrip())
        starts = ends = frozenset(range(min(min(starts), min(ends)), last + 1))
    elif policy.prefill != "either":
        starts = frozenset([min(starts) if policy.prefill == "inside" else max(starts)])
    if policy.whitespace == "allowed" and turn.blank:
        starts = starts | frozenset(range(max(starts), max(starts) + turn.blank + 1))
    if policy.header == "included":
        starts = _header_starts(turn, text, starts)
    if policy.whitespace == "allowed":
        last = max(ends)
        blank = len(text[last:]) - len(text[last:].lstrip())
        ends = ends | frozenset(range(last, last + blank + 1))
    visible_end = max(turn.ends)
    stop = turn.next_stop
    needs_stop = turn.needs_stop(text, special_tokens)
    if stop is not None and not text[max(turn.ends) : stop[0]].strip():
        # With the next header's token, the marked text may be in one piece.
        ends = ends | {stop[1]} if not needs_stop else frozenset([stop[1]])
        visible_end = stop[1]
    gaps = tuple(_gap(text, stretch) for stretch in turn.interruptions)
    return Allowed(
        turn.message, starts, ends, turn.header, visible_end, turn.optional, gaps, stop, needs_stop
    )


def _header_starts(turn: ExpectedSpan, text: str, starts: frozenset[int]) -> frozenset[int]:
    """Where the marked text may start if the header is included: before its first visible character."""
    first = min(starts)
    blank = len(text[turn.header : first]) - len(text[turn.header : first].lstrip())
    return (
        frozenset(range(turn.header, turn.header + blank + 1))
        if text[turn.header : first].strip()
        else starts
    )


def _gap(text: str, stretch: Interruption) -> Gap:
    """Say where the marked text may break off and go on round what another role says.

    Blanks may be on either side. The piece that opens the other role's text may be what the model stops with.
    """
    before = len(text[: stretch.start].rstrip())
    behind = stretch.end + len(text[stretch.end :]) - len(text[stretch.end :].lstrip())
    exits = [*range(before, stretch.start + 1), stretch.opening]
    return Gap(frozenset(exits), frozenset(range(len(text[: stretch.end].rstrip()), behind + 1)))


def _joined(turns: list[Allowed]) -> list[Allowed]:
    """Join turns between which there is nothing: two answers in a row, without a header."""
    joined: list[Allowed] = []
    for turn in turns:
        if joined and joined[-1].ends & turn.starts:
            last = joined[-1]
            low = min(last.ends)
            joined[-1] = replace(
                last,
                starts=last.starts | turn.starts if last.optional else last.starts,
                ends=last.ends | turn.ends if turn.optional else turn.ends,
                visible_end=turn.visible_end,
                optional=last.optional and turn.optional,
                gaps=(*last.gaps, Gap.any_of(low, max(max(turn.starts), low)), *turn.gaps),
                stop=turn.stop,
                needs_stop=turn.needs_stop,
            )
        else:
            joined.append(turn)
    return joined
