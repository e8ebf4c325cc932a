"""The expected span of each assistant turn of one conversation."""

from __future__ import annotations

from dataclasses import dataclass

from templatefix.analysis import Interval, Trace, View
from templatefix.errors import LimitError
from templatefix.expected.ends import find_end
from templatefix.expected.starts import find_starts


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
        blank (`int`): Whitespace that the template prints between the last start and what the message says.
        flags (`frozenset[str]`): How the span was found, such as `no-stop` or `closed-by-next`.
    """

    message: int
    starts: frozenset[int]
    ends: frozenset[int]
    interruptions: tuple[Interval, ...] = ()
    next_stop: Interval | None = None
    stop: Interval | None = None
    header: int = 0
    blank: int = 0
    flags: frozenset[str] = frozenset()

    @property
    def optional(self) -> bool:
        """Whether the turn may be unmarked: nothing that the message says is rendered."""
        return bool(self.flags & {"unprinted", "silent"})


@dataclass(frozen=True, slots=True)
class Undecided:
    """An assistant turn whose expected span is not known, and why."""

    message: int
    reason: str


def expected_spans(view: View, role: str = "assistant") -> list[ExpectedSpan | Undecided]:
    """Return the expected span of each assistant turn, or why it is not known.

    Args:
        view (`View`): The conversation.
        role (`str`): The assistant's role.
    """
    turns = [index for index, message in enumerate(view.messages) if message.get("role") == role]
    return [_span(view, index) for index in turns]


def _span(view: View, k: int) -> ExpectedSpan | Undecided:
    try:
        full = view.full
        if full is None:
            return Undecided(k, "the template raises on this conversation")
        return _infer(view, full, k)
    except LimitError as error:
        return Undecided(k, error.what)


def _infer(view: View, full: Trace, k: int) -> ExpectedSpan | Undecided:
    own, made = full.own(k), full.made(k)
    if not made:
        return ExpectedSpan(k, frozenset(), frozenset(), flags=frozenset(["unprinted"]))
    found = find_starts(view, full, k)
    if isinstance(found, str):
        return Undecided(k, found)
    starts, flags = found
    ended = find_end(view, full, k)
    if isinstance(ended, str):
        return Undecided(k, ended)
    start = min(starts)
    ends = frozenset(max(end, start) for end in ended.ends)
    silent = frozenset() if own else frozenset(["silent"])
    first = own[0][0] if own else start
    last = max(made[-1][1] if own else 0, start)
    interruptions = _interruptions(full, k, max(start, first), min(max(ends), last))
    header = start
    while header and full.at(header - 1) in (k, None) and full.says(header - 1) <= {k}:
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
        blank,
        flags | ended.flags | silent,
    )


def _interruptions(full: Trace, k: int, start: int, end: int) -> tuple[Interval, ...]:
    """Find what other messages say within a turn, or what was made for them; blanks between two belong to them."""
    own = [full.at(at) for at, _ in full.own(k)]
    home = {k, None} | (set(own) if all(at not in (k, None) for at in own) else set())
    found: list[Interval] = []
    for index, low, high in full.segments_in(start, end):
        says = full.messages[index]
        if (says and k not in says) or full.ats[index] not in home:
            if found and (found[-1][1] == low or full.text[found[-1][1] : low].isspace()):
                found[-1] = (found[-1][0], high)
            else:
                found.append((low, high))
    return tuple((low, high) for low, high in found if full.text[low:high].strip())
