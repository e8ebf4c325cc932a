"""Turns of the same shape have the same span: it is inferred once, and found again by its place among the segments.

The shape of a turn is what the template printed for it and round it, place by place, the roles of the messages beside
it, and the variables, but not what the messages say. The second road still looks at every turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from templatefix.analysis import Interval, Trace, View
from templatefix.expected.sites import region
from templatefix.expected.spans import ExpectedSpan, Interruption, Undecided, infer_span
from templatefix.probes import of_others

Place = tuple[int, int, bool]
"""Index of a segment in the region of a turn, and an offset from its start, or from its end if that is true."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The segments of a turn's region."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    fixed: tuple[bool, ...]

    def place(self, offset: int) -> Place | None:
        """Return an offset by segment; `None` where it is within what a message says."""
        for index, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            if start <= offset <= end:
                if self.fixed[index] or offset == start:
                    return index, offset - start, False
                if offset == end:
                    return index, 0, True
                return None
        return None

    def offset(self, place: Place) -> int:
        """Return the offset of a place."""
        index, delta, at_end = place
        return self.ends[index] if at_end else self.starts[index] + delta


def span_of_turn(view: View, full: Trace, k: int) -> ExpectedSpan | Undecided:
    """Return the expected span of a turn; inferred only if no turn of its shape was seen before.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message.
    """
    frame, shape = _shape(view, full, k)
    known: dict[Any, Any] = view.analysis.known_shapes
    if shape in known:
        return _moved(known[shape], frame, k)
    span = infer_span(view, full, k)
    placed = _placed(span, frame) if isinstance(span, ExpectedSpan) else None  # another one may be decided
    if placed is not None:
        known[shape] = placed
    return span


def _shape(view: View, full: Trace, k: int) -> tuple[_Frame, Any]:
    messages = view.messages
    low, high = region(full, messages, k)
    if low == high:  # nothing of the turn is printed
        low, high = 0, 0
    segments = []
    starts, ends, fixed = [], [], []
    for index, start, end in full.segments_in(low, high):
        origin, at = full.origins[index], full.ats[index]
        literal = origin.kind in ("literal", "variable") or (
            origin.place is not None and origin.kind == "derived"
        )
        paths = tuple(sorted((_relative(path, k) for path in origin.fields), key=str))
        begun = full.begins[index] + start - full.starts[index]
        where = (origin.place, begun, end - start) if literal else (paths, _edges(full.text[start:end]))
        segments.append((origin.kind, where, None if at is None else at - k, origin.via))
        starts.append(start)
        ends.append(end)
        fixed.append(literal)
    # What the messages say shows in the segments; results that this one holds decide how it is cut.
    held = _form(messages[k]) if any(map(of_others, messages[k])) else ()
    roles = tuple(message.get("role") for message in messages[max(0, k - 1) : k + 3])
    options = sorted(
        (name, repr(value)) for name, value in view.options.items() if view.analysis.renderer.reads(name)
    )
    shape = (tuple(segments), held, k == 0, roles, tuple(options))
    return _Frame(tuple(starts), tuple(ends), tuple(fixed)), shape


def _relative(path: tuple[Any, ...], k: int) -> tuple[Any, ...]:
    return (path[0] - k, *path[1:])


def _edges(text: str) -> tuple[str, str]:
    """How a text begins and ends, as far as a generation prompt may go on with it."""
    first = "" if text[:1].isalnum() else text[:16]
    return first, "" if text[-1:].isalnum() else text[-1:]


def _form(value: Any) -> Any:
    """The form of a message: its keys, the types of what is in it, and what is empty."""
    if isinstance(value, dict):
        return tuple(
            sorted((key, value[key] if key in ("role", "type") else _form(value[key])) for key in value)
        )
    if isinstance(value, list | tuple):
        return tuple(_form(item) for item in value)
    if isinstance(value, str):
        return "text" if value.strip() else "blank" if value else "empty"
    return type(value).__name__


def _placed(span: ExpectedSpan, frame: _Frame) -> Any:
    """Return a span by places; `None` where an offset has none."""
    offsets = [*span.starts, *span.ends, span.header]
    offsets += [] if span.prompted is None else [span.prompted]
    offsets += [offset for stretch in span.interruptions for offset in stretch]
    offsets += [offset for interval in (span.stop, span.next_stop) if interval for offset in interval]
    places = {offset: frame.place(offset) for offset in offsets}
    return None if None in places.values() else (span, places)


def _moved(known: Any, frame: _Frame, k: int) -> ExpectedSpan:
    span: ExpectedSpan = known[0]
    places: dict[int, Place] = known[1]

    def at(offset: int) -> int:
        return frame.offset(places[offset])

    def interval(each: Interval | None) -> Interval | None:
        return (at(each[0]), at(each[1])) if each else None

    return replace(
        span,
        message=k,
        starts=frozenset(map(at, span.starts)),
        prompted=None if span.prompted is None else at(span.prompted),
        ends=frozenset(map(at, span.ends)),
        header=at(span.header) if span.starts else 0,
        interruptions=tuple(Interruption(*map(at, stretch)) for stretch in span.interruptions),
        stop=interval(span.stop),
        next_stop=interval(span.next_stop),
    )
