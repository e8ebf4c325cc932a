"""Labels of places in the template: is what a place prints inside or outside the expected spans?

A place is a literal's character, or an output that prints a field, together with the role of the message that the loop
is at. One decided probe settles a place for all. Probes that disagree about a place leave it open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from templatefix.analysis import Interval, Trace
from templatefix.expected.spans import ExpectedSpan, Interruption, Undecided
from templatefix.model import Conversation, Span

Label = Literal["in", "out", "any"]
Site = tuple[Any, ...]


@dataclass
class Sites:
    """The labels seen so far.

    Args:
        labels (`dict`): For each place, the labels that decided turns give to what it prints.
        blanks (`dict`): The same of whitespace in literals, which decides nothing but where a span starts at best.
        open (`dict[tuple, int]`): Places printed in undecided turns, and a source offset to name them by.
    """

    labels: dict[Site, set[Label]] = field(default_factory=dict)
    blanks: dict[Site, set[Label]] = field(default_factory=dict)
    open: dict[Site, int] = field(default_factory=dict)
    _learned: set[Any] = field(default_factory=set, repr=False)
    _known: dict[Any, Sequence[tuple[int, int, Label | None]]] = field(default_factory=dict, repr=False)

    def learn(self, trace: Trace, messages: Conversation, turns: Sequence[ExpectedSpan | Undecided]) -> None:
        """Note the labels of one conversation; nothing is learned from what belongs to an undecided turn."""
        unknown = [region(trace, messages, turn.message) for turn in turns if isinstance(turn, Undecided)]
        spans = [turn for turn in turns if isinstance(turn, ExpectedSpan) and turn.starts]
        for low, high, label in _labelled(trace, spans):
            for index, start, end in trace.segments_in(low, high):
                if any(start < stop and begin < end for begin, stop in unknown):
                    for site in _sites(trace, messages, index, start, end):
                        self.open.setdefault(
                            site, trace.origins[index].via[-1] if trace.origins[index].via else 0
                        )
                    continue
                origin, first = trace.origins[index], trace.begins[index] + start - trace.starts[index]
                place = (origin, first, end - start, _role(trace, messages, index), label)
                if place in self._learned:  # the origins of literals are shared by renders
                    continue
                if origin.kind == "literal":
                    self._learned.add(place)
                for at, site in zip(
                    range(start, end), _sites(trace, messages, index, start, end), strict=False
                ):
                    blank = trace.text[at].isspace() and site[0] == "literal"
                    (self.blanks if blank else self.labels).setdefault(site, set()).add(label)

    def agrees(self, trace: Trace, messages: Conversation, spans: Sequence[Span]) -> bool:
        """Whether each place that prints a conversation has one label, and the spans are what the labels say.

        Args:
            trace (`Trace`): The render.
            messages (`list[dict]`): The conversation.
            spans (`Sequence[Span]`): What is marked in it, merged and in order.
        """
        at = 0
        for index, start in enumerate(trace.starts):
            for low, high, label in self._runs(trace, messages, index):
                low, high = start + low, start + high
                if label == "any":
                    continue
                if label is None and trace.ats[index] is not None:
                    return False
                while at < len(spans) and spans[at].end <= low:
                    at += 1
                inside = at < len(spans) and spans[at].start < high
                whole = inside and spans[at].start <= low and high <= spans[at].end
                # New text that is printed for no message does not belong to a turn.
                if inside is not (label == "in") or inside is not whole:
                    return False
        return True

    def _runs(
        self, trace: Trace, messages: Conversation, index: int
    ) -> Sequence[tuple[int, int, Label | None]]:
        """Return the labels of a segment, by offsets in it; computed once for each place."""
        start, end = trace.starts[index], trace.ends[index]
        origin = trace.origins[index]
        place = (origin, trace.begins[index], end - start, _role(trace, messages, index))
        key = place if origin.kind == "literal" else None
        if key is not None and key in self._known:
            return self._known[key]
        found: list[tuple[int, int, Label | None]] = []
        for offset, site in enumerate(_sites(trace, messages, index, start, end)):
            label = self._label(site)
            high = offset + 1 if site[0] == "literal" else end - start
            if label is None and trace.text[start + offset : start + high].isspace():
                label = "any"
            if found and found[-1][2] == label:
                found[-1] = (found[-1][0], high, label)
            else:
                found.append((offset, high, label))
        if key is not None:
            self._known[key] = found
        return found

    def decide(self, trace: Trace, messages: Conversation, undecided: Undecided) -> ExpectedSpan | None:
        """Return the span of a turn by the labels of the places that print it; `None` where one of them is open."""
        low, high = region(trace, messages, undecided.message)
        found: list[tuple[int, int, str]] = []
        for index, start, end in trace.segments_in(low, high):
            for at, site in zip(range(start, end), _sites(trace, messages, index, start, end), strict=False):
                stop = end if site[0] != "literal" else at + 1
                label = self._label(site)
                if trace.ats[index] not in (undecided.message, None):
                    label = "out"  # what was printed for a message beside it
                if label is None and not trace.text[at:stop].isspace():
                    return None
                found.append((at, stop, label or "any"))
        return _span(found, undecided.message, trace)

    def best_start(self, trace: Trace, messages: Conversation, starts: frozenset[int]) -> int:
        """Return which of some starts, with whitespace between them, is that of other turns.

        Args:
            trace (`Trace`): The render.
            messages (`list[dict]`): The conversation.
            starts (`frozenset[int]`): Where the span may start.
        """
        best = max(starts)
        while best - 1 >= min(starts):
            index = trace.segment(best - 1)
            site = next(_sites(trace, messages, index, best - 1, best))
            if self.blanks.get(site, set()) - {"any"} != {"in"}:
                break
            best -= 1
        return best if best in starts else max(starts)

    def first_inside(self, trace: Trace, messages: Conversation, turn: ExpectedSpan) -> int | None:
        """Return where the first place stands that is inside, between the header of a turn and its start."""
        for index, start, end in trace.segments_in(turn.header, min(turn.starts)):
            for at, site in zip(range(start, end), _sites(trace, messages, index, start, end), strict=False):
                if self._label(site) == "in":
                    return at
        return None

    def _label(self, site: Site) -> Label | None:
        labels = self.labels.get(site, set()) - {"any"}
        if len(labels) == 1:
            return next(iter(labels))
        return "any" if not labels and site in self.labels else None

    @property
    def decided(self) -> int:
        """The number of places with one label."""
        return sum(self._label(site) is not None for site in self.labels)

    def undecided(self) -> list[int]:
        """Return the source offsets of places that only undecided turns print."""
        return sorted({offset for site, offset in self.open.items() if self._label(site) is None})


def region(trace: Trace, messages: Conversation, turn: int) -> Interval:
    """Return the range of a render that may belong to a turn: between the texts of the messages around it."""
    own = trace.own(turn) or trace.made(turn)
    if not own:
        return 0, 0
    first, last = own[0][0], own[-1][1]
    before = [end for at in range(len(messages)) if at != turn for _, end in trace.own(at) if end <= first]
    behind = [
        start for at in range(len(messages)) if at != turn for start, _ in trace.own(at) if start >= last
    ]
    return max(before, default=0), min(behind, default=len(trace.text))


def _labelled(trace: Trace, spans: Sequence[ExpectedSpan]) -> Iterator[tuple[int, int, Label]]:
    """Yield ranges that cover a render, each with its label."""
    marks: list[tuple[int, int, Label]] = []
    for span in spans:
        start, first, end, last = min(span.starts), max(span.starts), min(span.ends), max(span.ends)
        marks.append((start, first, "any"))
        cursor = first
        for low, high, _ in span.interruptions:
            marks += [(cursor, low, "in"), (low, high, "out")]
            cursor = high
        marks += [(cursor, end, "any" if span.optional else "in"), (end, last, "any")]
        blank = len(trace.text[last:]) - len(trace.text[last:].lstrip())
        marks.append((last, last + blank, "any"))
        if span.next_stop:
            marks.append((*span.next_stop, "any"))
    cursor = 0
    for low, high, label in sorted(marks, key=lambda each: each[:2]):
        if low > cursor:
            yield cursor, low, "out"
        if high > max(low, cursor):
            yield max(low, cursor), high, label
        cursor = max(cursor, high)
    if cursor < len(trace.text):
        yield cursor, len(trace.text), "out"


def _sites(trace: Trace, messages: Conversation, index: int, start: int, end: int) -> Iterator[Site]:
    """Yield the place of each character of a literal, or the one place of another segment."""
    origin, role = trace.origins[index], _role(trace, messages, index)
    if origin.kind == "literal":
        first = origin.place + trace.begins[index] + start - trace.starts[index]
        for offset in range(first, first + end - start):
            yield ("literal", offset, role)
        return
    paths = sorted({_shape(path) for path in origin.fields}, key=str)
    yield (origin.kind, origin.via, origin.place if origin.kind == "variable" else tuple(paths), role)


def _role(trace: Trace, messages: Conversation, index: int) -> str:
    """The role of the message that the loop was at when a segment was printed."""
    at = trace.ats[index]
    return str(messages[at].get("role")) if at is not None and at < len(messages) else ""


def _shape(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """A path without the numbers in it."""
    return tuple(step for step in path if isinstance(step, str))


def _span(labels: Sequence[tuple[int, int, str]], turn: int, trace: Trace) -> ExpectedSpan | None:
    inside = [(low, high) for low, high, label in labels if label == "in"]
    if not inside:
        return None
    start, end = inside[0][0], inside[-1][1]
    starts, ends = {start}, {end}
    for low, high, label in reversed([each for each in labels if each[1] <= start]):
        if label != "any" or high != min(starts):
            break
        starts.add(low)
    for low, high, label in (each for each in labels if each[0] >= end):
        if label != "any" or low != max(ends):
            break
        ends.add(high)
    interruptions: list[Interval] = []
    for low, high, label in labels:
        if start <= low and high <= end and label == "out":
            if interruptions and interruptions[-1][1] == low:
                interruptions[-1] = (interruptions[-1][0], high)
            else:
                interruptions.append((low, high))
    kept = tuple(Interruption(low, high, low) for low, high in interruptions if trace.text[low:high].strip())
    flags = frozenset(["decided-by-site"])
    return ExpectedSpan(turn, frozenset(starts), frozenset(ends), kept, header=min(starts), flags=flags)
