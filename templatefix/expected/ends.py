"""Where the expected span of a turn ends, and with which text the model stops.

Found by what changes when the turn is followed by another message, by another role, or by nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.analysis import Interval, Key, Trace, View
from templatefix.expected.closings import (
    first_close,
    last_stop,
    may_be_a_remark,
    plain_close,
    tail_in_the_middle,
    without_opening,
)
from templatefix.expected.texts import common_suffix, indent_of, visible
from templatefix.expected.unasked import end_only
from templatefix.model import Message


@dataclass(frozen=True, slots=True)
class End:
    """How a turn ends.

    Args:
        ends (`frozenset[int]`): Offsets at which the span may end.
        flags (`frozenset[str]`): How they were found.
        next_stop (`tuple[int, int]`, *optional*): The text of the next message with which the model stops.
        stop (`tuple[int, int]`, *optional*): The text at the span's end with which the model stops.
    """

    ends: frozenset[int]
    flags: frozenset[str] = frozenset()
    next_stop: Interval | None = None
    stop: Interval | None = None


def find_end(view: View, full: Trace, k: int) -> End | str:
    """Return how a turn ends, or why that is not known.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message, of which something is printed.
    """
    own, made = full.own(k), full.made(k)
    last = k == len(view.messages) - 1
    base = own[-1][1] if own else made[0][0]
    ending = end_only(view, full, k) if last else set()
    flags: set[str] = set()
    end = 1 + next(
        (at for at in visible(full, made, base) if not (ending and full.key(at) in ending)), base - 1
    )
    plain = plain_close(view, k)
    early = first_close(view, full, base, end, plain) if own else None
    if early is not None:  # what follows the end of turn is of no assistant
        end = early
        flags.add("extra-behind-end")
    end = without_opening(view, full, base, end)
    if plain and full.text[base:end].endswith(plain) and may_be_a_remark(view, k, plain):
        return "what is printed behind an answer only where a message follows may be a remark, or close the answer"
    if last and end > base and own:  # what follows the end of turn only because it is the last one
        middle = tail_in_the_middle(view, k)
        if middle and full.text[base:end].startswith(middle) and len(middle) < end - base:
            end = base + len(middle)
            flags.add("extra-at-the-end")
    printed = end > base
    closed = printed and (plain is None or (bool(plain) and full.text[base:end].endswith(plain)))
    follow = next(
        (
            (at, j)
            for j in range(k + 1, len(view.messages))
            if full.own(j) and (at := full.own(j)[0][0]) >= end
        ),
        None,
    )
    if follow and not closed:
        return _followed(view, full, k, end, printed, plain, follow)
    stop = _stop(full, base, end, plain) if closed else None
    if last and printed and not closed:
        stop = last_stop(view, full, k, base, end)
    if follow or (closed and not last):
        return End(frozenset([end]), frozenset(flags), stop=stop)
    rest = 1 + next(
        (
            at
            for at in visible(full, [(end, len(full.text))], end)
            if full.key(at) not in ending and not full.says(at)
        ),
        -1,
    )
    if last and rest:
        middle = _closed_by_next(view, k).strip() or (plain if plain and not printed else "")
        tail = full.text[own[-1][1] :] if own else ""
        if middle and tail.lstrip().startswith(middle):
            start = own[-1][1] + indent_of(tail)
            closing = (start, start + len(middle))
            return End(frozenset([closing[1]]), frozenset(flags | {"after-loop"}), stop=closing)
        if not closed:  # the text at the very end may be a stop
            return End(frozenset([end, rest]), frozenset(flags | {"after-loop", "soft-end"}))
        flags.add("extra-after-loop")
    ends = frozenset([end]) if printed else _open_ends(full, end)
    return End(ends, frozenset(flags if printed else flags | {"no-stop"}), stop=stop)


def _stop(full: Trace, base: int, end: int, plain: str | None) -> Interval | None:
    """Return the end of turn: what also closes plain answers. What closes a call before it is not part of it."""
    start = end - len(plain) if plain and full.text[base:end].endswith(plain) else base
    return (start, end) if plain or plain is None else None


def _followed(
    view: View,
    full: Trace,
    k: int,
    end: int,
    printed: bool,
    plain: str | None,
    follow: tuple[int, int],
) -> End | str:
    """Find the end of a turn that does not close itself: the next message does, or its header is the stop."""
    stop, j = follow
    gap = full.text[end:stop]
    closing: str | None
    if plain:  # plain answers close themselves: here the next message may do it
        blank = indent_of(gap)
        closing = gap[:blank] + plain if gap[blank:].startswith(plain) else ""
    elif j > k + 1 and any(full.made(between) for between in range(k + 1, j)):
        closing = _closing_of_next(view, full, k, j, end)
    else:
        closing = _by_next(view, full, k, j, end, stop)
        if closing is None:
            if not printed and gap.strip():
                return "it is not known whether the text before the next message closes this turn or opens that one"
            closing = ""
    if closing.strip():
        behind = end + len(closing.rstrip())
        return End(frozenset([behind]), frozenset(["closed-by-next"]), stop=(end + indent_of(gap), behind))
    ends = frozenset([end]) if printed else _open_ends(full, end)
    found = first_piece(full, end, stop)
    if found is None:
        return End(ends, frozenset([] if printed else ["no-stop"]))
    # Who speaks behind an answer at inference: a system message or another answer stops no model.
    heard = j == k + 1 and view.messages[j].get("role") in ("user", "tool")
    flag = "stop-owned-by-next" if heard and not (printed and plain) else "stop-maybe-next"
    return End(ends, frozenset([flag]), found)


def _open_ends(full: Trace, end: int) -> frozenset[int]:
    """Return where a turn may end that nothing closes: whitespace round its end may be the model's, or not."""
    return frozenset(range(len(full.text[:end].rstrip()), end + indent_of(full.text[end:]) + 1))


def _closing_of_next(view: View, full: Trace, k: int, j: int, end: int) -> str:
    """Return what closes a turn if the messages up to `j`, of which only headers are printed, are left out."""
    shorter = view.of([*view.messages[: k + 1], *view.messages[j:]])
    render = shorter.full
    if render is None or not render.own(k):
        return ""
    found = find_end(shorter, render, k)
    if isinstance(found, str) or "closed-by-next" not in found.flags:
        return ""
    closing = render.text[render.own(k)[-1][1] : max(found.ends)]
    return closing if full.text.startswith(closing, end) else ""


def first_piece(full: Trace, end: int, stop: int) -> Interval | None:
    """Return the first piece of another role's text, extended round the name of its role."""
    start = end + indent_of(full.text[end:stop])

    def role(at: int) -> bool:
        origin = full.origin(at)
        return origin.kind == "message" and origin.place[1:] == ("role",)

    at = start
    while at < stop and (at == start or at not in full.edges or role(at) or role(at - 1)):
        at += 1
    at = start + len(full.text[start:at].rstrip())
    return (start, at) if start < at else None


def _closed_by_next(view: View, k: int) -> str:
    """Return what the next message prints to close the turn where a question follows."""
    longer = view.of([*view.messages, view.analysis.ask])
    render = longer.full
    if render is None or not render.own(k):
        return ""
    found = find_end(longer, render, k)
    if isinstance(found, str) or "closed-by-next" not in found.flags:
        return ""
    return render.text[render.own(k)[-1][1] : max(found.ends)]


def _by_next(view: View, full: Trace, k: int, j: int, end: int, stop: int) -> str | None:
    """Return what message `j` prints at its beginning only because turn `k` stands before it.

    `None` if message `j` is not seen without it.
    """
    gap = full.text[end:stop]
    if not gap.strip():
        return ""
    heads: set[Key] | None = None
    opens = 0
    rest = view.messages[j:]
    before = view.messages[:k]
    chats: Sequence[tuple[Sequence[Message], int]] = (
        (rest, 0),
        ([*before, *rest], k),
        ([view.analysis.ask, *rest], 1),
        ([*before, view.analysis.ask, *rest], k + 1),
    )
    for chat, at in chats:
        render = view.render(chat)
        if render is None or not render.own(at):
            continue
        start = render.own(at)[0][0]
        # Behind a message that closes itself there is only the own opening of message `j`.
        itself = at > 0 and _closes_itself(render, at - 1)
        if heads is None or at == 0 or itself:
            heads = heads or set()
            for index, low, high in render.segments_in(0, start):
                if at == 0 or render.ats[index] in (at, None):
                    heads |= render.keys(low, high)
        if at == 0 or itself:  # the same opening, printed by another literal
            shared = common_suffix(gap, render.text[:start])
            while shared and stop - shared not in full.edges:
                shared -= 1
            opens = max(opens, shared)
    if heads is None:
        return None
    at = end
    while at < stop - opens and (key := full.key(at)) and key not in heads:
        at += 1
    return full.text[end:at]


def _closes_itself(render: Trace, message: int) -> bool:
    own = render.own(message)
    return bool(own) and any(True for _ in visible(render, render.made(message), own[-1][1]))
