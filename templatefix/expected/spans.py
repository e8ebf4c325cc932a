"""The expected span of each assistant turn of one conversation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from templatefix.analysis import Interval, Key, Trace, View
from templatefix.expected.closings import plain_close
from templatefix.expected.ends import find_end, first_piece
from templatefix.expected.starts import find_starts
from templatefix.model import Message
from templatefix.probes import of_others


class Interruption(NamedTuple):
    """A stretch within a turn that holds another role's text.

    Args:
        start (`int`): Where it starts.
        end (`int`): Where it ends.
        opening (`int`): Where the piece ends that opens it: it may be what the model stops with.
    """

    start: int
    end: int
    opening: int


@dataclass(frozen=True, slots=True)
class ExpectedSpan:
    """The text of one assistant turn that should get loss.

    Args:
        message (`int`): Index of the message.
        starts (`frozenset[int]`): Offsets at which the span may start; several where a prefill may be on either side.
            Empty where nothing of the turn is rendered.
        ends (`frozenset[int]`): Offsets at which it may end; several where two texts may be the stop.
        interruptions (`tuple`): Stretches within it that hold another role's text.
        next_stop (`tuple[int, int]`, *optional*): The text of the next message's header with which the model stops,
            where the turn itself prints no end.
        stop (`tuple[int, int]`, *optional*): The text at the span's end with which the model stops.
        header (`int`): Where the text begins that is printed for the turn before the span.
        prompted (`int`, *optional*): Where the shortest generation prompt ends that the turn prints whole.
        blank (`int`): Whitespace that the template prints between the last start and what the message says.
        flags (`frozenset[str]`): How the span was found, such as `no-stop` or `closed-by-next`.
    """

    message: int
    starts: frozenset[int]
    ends: frozenset[int]
    interruptions: tuple[Interruption, ...] = ()
    next_stop: Interval | None = None
    stop: Interval | None = None
    header: int = 0
    prompted: int | None = None
    blank: int = 0
    flags: frozenset[str] = frozenset()

    @property
    def start(self) -> int:
        """Where the span starts at best: the model writes what some generation prompt does not print."""
        return self.prompted if self.prompted in self.starts else max(self.starts)

    @property
    def end(self) -> int:
        """Where the span ends at best: behind what may be the stop, before blanks that may be the model's."""
        return max(self.ends) if "soft-end" in self.flags else min(self.ends)

    @property
    def optional(self) -> bool:
        """Whether the turn may be unmarked: nothing of it is rendered, or it is rendered as a question."""
        return bool(self.flags & {"unprinted", "silent", "printed-as-user"})

    def needs_stop(self, text: str, special_tokens: Collection[str]) -> bool:
        """Whether the text of the next message with which the model stops must be marked: a token of its own.

        Args:
            text (`str`): The render.
            special_tokens (`Collection[str]`): Texts that the tokenizer holds as one token.
        """
        if self.next_stop is None or "stop-owned-by-next" not in self.flags:
            return False
        return text[slice(*self.next_stop)] in special_tokens


@dataclass(frozen=True, slots=True)
class Undecided:
    """An assistant turn whose expected span is not known, and why.

    Args:
        message (`int`): Index of the message.
        reason (`str`): Why, for people.
        vetoed (`bool`): Whether the two roads disagree; then nothing else can decide it.
    """

    message: int
    reason: str
    vetoed: bool = False


def infer_span(view: View, full: Trace, k: int) -> ExpectedSpan | Undecided:
    """Infer the expected span of one turn from its render and from interventions.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message.
    """
    own, made = full.own(k), full.made(k)
    if not made:
        return ExpectedSpan(k, frozenset(), frozenset(), flags=frozenset(["unprinted"]))
    found = find_starts(view, full, k)
    if isinstance(found, str):
        return Undecided(k, found)
    starts, flags, prompted = found
    if "printed-as-user" in flags:
        return ExpectedSpan(k, frozenset(starts), frozenset(starts), header=min(starts), flags=flags)
    ended = find_end(view, full, k)
    if isinstance(ended, str):
        return Undecided(k, ended)
    if not own and ended.stop and ended.stop[0] < min(starts):
        starts = {_start_of_plain(view, full, k, ended.stop[0])}
    start = min(starts)
    ends = frozenset(max(end, start) for end in ended.ends)
    silent = frozenset() if own else frozenset(["silent"])
    first = own[0][0] if own else start
    last = max(made[-1][1] if own else 0, start)
    if any(map(of_others, view.messages[k])):
        first = start  # a result that the message holds may be printed before its own text
    interruptions = _interruptions(view, full, k, max(start, first), min(max(ends), last))
    if isinstance(interruptions, str):
        return Undecided(k, interruptions)
    while interruptions and interruptions[0].start <= max(starts):
        starts, interruptions = {interruptions[0].end}, interruptions[1:]
        start = min(starts)
    if interruptions and own and own[-1][1] <= interruptions[-1].start:
        # Behind the result only the turn is closed: the model may have stopped before it.
        before = interruptions[-1]
        blanks = range(len(full.text[: before.start].rstrip()), before.start + 1)
        ends = ends | frozenset([*blanks, before.opening])
        ended = replace(ended, stop=None)
    if _opens_a_question(view, full, start, max(ends), interruptions):
        return Undecided(k, "what opens a question is printed within the turn")
    header = start
    home = (
        {k} if start and full.at(start - 1) == k else {k, None}
    )  # else what is before the loop is no header
    while header and full.at(header - 1) in home and full.says(header - 1) <= {k}:
        header -= 1
    lead = full.text[max(starts) : own[0][0]] if own else ""
    blank = len(lead) if not lead.strip() else 0
    return ExpectedSpan(
        k,
        frozenset(starts),
        ends,
        interruptions,
        ended.next_stop,
        ended.stop,
        header,
        prompted,
        blank,
        flags | ended.flags | silent,
    )


def _start_of_plain(view: View, full: Trace, k: int, stop: int) -> int:
    """Return where a plain answer starts in place of an empty one, whose prompt may seem to reach behind its stop."""
    plain = view.render([*view.messages[:k], view.analysis.answer, *view.messages[k + 1 :]])
    at = plain.own(k)[0][0] if plain is not None and plain.own(k) else stop
    same = plain is not None and at <= stop and plain.text[:at] == full.text[:at]
    return at if same else stop


def _opens_a_question(
    view: View, full: Trace, start: int, end: int, interruptions: tuple[Interruption, ...]
) -> bool:
    """Whether what opens questions, and nothing else, is printed by the template within a span."""
    opening = view.opening
    for value in map(str, view.analysis.variables.values()):
        opening = opening.replace(value, "")
    opening = opening.strip()
    literals = "".join(
        full.text[low:high] if not full.messages[index] else "\0"
        for index, low, high in full.segments_in(start, end)
        if not any(stop.start <= low < stop.end for stop in interruptions)
    )
    header = full.text[:start].rstrip()
    return bool(opening) and opening in literals and not header.endswith(opening)


def _interruptions(view: View, full: Trace, k: int, start: int, end: int) -> tuple[Interruption, ...] | str:
    """Find what others say within a turn, or what was made for them; blanks between two belong to them.

    Where the message itself holds what a tool answered, what is printed only because of that belongs to it too.
    """
    own = [full.at(at) for at, _ in full.own(k)]
    home = {k, None} | (set(own) if all(at not in (k, None) for at in own) else set())
    held = any(~k in says for says in full.messages) or any(map(of_others, view.messages[k]))
    kept: set[tuple[Key, tuple[int, ...]]] = set()
    bare: Trace | None = None
    if held:
        behind = next(
            (at for at in range(k + 1, len(view.messages)) if view.messages[at].get("role") != "tool"), None
        )
        rest = [] if behind is None else view.messages[behind:]
        bare = view.render([*view.messages[:k], _without_results(view.messages[k]), *rest])
        if bare is None:
            return (
                "the template does not print a call without its result, so what closes the call is not known"
            )
        for low, high in bare.made(k):
            kept |= bare.printed_by(low, high)
    found: list[tuple[int, int, bool]] = []
    for index, low, high in full.segments_in(start, end):
        says = full.messages[index]
        foreign = bool(says and k not in says) or full.ats[index] not in home
        vanishes = held and not foreign and not says and not full.printed_by(low, high) & kept
        if not foreign and not vanishes:
            continue
        if found and (found[-1][1] == low or full.text[found[-1][1] : low].isspace()):
            found[-1] = (found[-1][0], high, found[-1][2] or foreign)
        else:
            found.append((low, high, foreign))
    stretches = [
        (low, high) for low, high, foreign in found if (foreign or held) and full.text[low:high].strip()
    ]
    stretches = [(_behind_stop(view, full, k, low, high), high) for low, high in stretches]
    if bare is not None:
        stretches = [(low, _reentry(full, bare, k, high)) for low, high in stretches]
    return tuple(
        Interruption(low, high, (first_piece(full, low, high) or (low, low))[1]) for low, high in stretches
    )


def _behind_stop(view: View, full: Trace, k: int, low: int, high: int) -> int:
    """Return where a stretch starts without the end of turn, which may be printed before a result."""
    stop = plain_close(view, k)
    said = next((begin for index, begin, _ in full.segments_in(low, high) if full.messages[index]), high)
    at = full.text.find(stop, low, said) if stop else -1
    return at + len(stop or "") if at >= 0 else low


def _reentry(full: Trace, bare: Trace, k: int, high: int) -> int:
    """Return where a turn goes on behind a result, by what begins the same text without the result."""
    start = next((low for low, _ in full.own(k) if low >= high), None)
    theirs = next(
        (
            low
            for low, _ in bare.own(k)
            if start is not None and bare.origin(low).place == full.origin(start).place
        ),
        None,
    )
    if start is None or theirs is None:
        return high
    printed = {key for low, end in full.made(k) for key in full.keys(low, end)}
    at, there = high, start
    while there > 0 and theirs > 0:
        one, two = full.key(there - 1), bare.key(theirs - 1)
        same = one == two or (
            full.text[there - 1] == bare.text[theirs - 1] and two not in printed and full.at(there - 1) == k
        )
        if not same or one is None:
            break
        there, theirs = there - 1, theirs - 1
    return min(at, there) if full.text[there:start].strip() else at


def _without_results(message: Message) -> Message:
    """Return a message without what tools answered."""

    def pruned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: pruned(item) for key, item in value.items() if not of_others(str(key))}
        return [pruned(item) for item in value] if isinstance(value, list) else value

    found: Message = pruned(message)
    return found
