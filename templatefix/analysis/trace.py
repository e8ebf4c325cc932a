"""Questions to one traced render: which text is whose, and which place of the template printed it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from templatefix.probes import of_others
from templatefix.render.origins import Origin, Path
from templatefix.render.traced import TracedRender

Interval = tuple[int, int]
"""A half-open range of offsets in a render."""

Key = tuple[str, int | str, int]
"""What identifies the place in the template that printed a character: kind, source offset or variable, and index."""


_SPEAKER = (("role",), ("name",))
"""Keys of a message that say who speaks, not what is said."""


def _speaker(path: Path) -> int:
    """Return the message that says a text; a negative number for what it only holds, such as a tool's result."""
    index: int = path[0]
    held = any(isinstance(step, str) and of_others(step) for step in path[1:])
    return ~index if held else index


class Trace:
    """A traced render, asked by message.

    Args:
        rendered (`TracedRender`): The render.
    """

    def __init__(self, rendered: TracedRender) -> None:
        self.rendered = rendered
        self.text = rendered.text
        self.origins: list[Origin] = []
        self.begins: list[int] = []
        self.starts: list[int] = []
        at = 0
        for origin, begin, length in rendered.segments:
            self.origins.append(origin)
            self.begins.append(begin)
            self.starts.append(at)
            at += length
        self.ends = [*self.starts[1:], at] if self.starts else []
        self._own: dict[int, list[Interval]] = {}
        self._made: dict[int, list[Interval]] = {}

    @cached_property
    def messages(self) -> list[frozenset[int]]:
        """For each segment, the messages that it says something of; a role is not what a message says."""
        known: dict[int, frozenset[int]] = {}
        found = []
        for origin in self.origins:
            key = id(origin)
            if key not in known:
                known[key] = frozenset(_speaker(path) for path in origin.fields if path[1:] not in _SPEAKER)
            found.append(known[key])
        return found

    @cached_property
    def ats(self) -> list[int | None]:
        """For each segment, the message that the loop was at."""
        return [None if origin.at == -1 else origin.at for origin in self.origins]

    def segment(self, at: int) -> int:
        """Return the index of the segment that holds a character."""
        return bisect_right(self.starts, at) - 1

    def own(self, message: int) -> list[Interval]:
        """Return where a message's own text is: printed for it, or for no message; elsewhere only if nowhere else."""
        if message not in self._own:
            said = [at for at, whose in enumerate(self.messages) if message in whose]
            here = [at for at in said if self.ats[at] in (message, None)]
            self._own[message] = self._intervals(here or said)
        return self._own[message]

    def made(self, message: int) -> list[Interval]:
        """Return what was printed for a message: its own text, and the literals of its turn of the loop."""
        if message not in self._made:
            own = {self.segment(start) for start, _ in self._pieces(self.own(message))}
            self._made[message] = self._intervals(
                [
                    at
                    for at, whose in enumerate(self.messages)
                    if at in own or (self.ats[at] == message and not (whose and message not in whose))
                ]
            )
        return self._made[message]

    def _pieces(self, intervals: list[Interval]) -> Iterator[Interval]:
        for start, end in intervals:
            for at in range(self.segment(start), self.segment(end - 1) + 1):
                yield self.starts[at], self.ends[at]

    def _intervals(self, segments: list[int]) -> list[Interval]:
        found: list[Interval] = []
        for at in segments:
            if found and found[-1][1] == self.starts[at]:
                found[-1] = (found[-1][0], self.ends[at])
            else:
                found.append((self.starts[at], self.ends[at]))
        return found

    def origin(self, at: int) -> Origin:
        """Return the origin of a character."""
        return self.origins[self.segment(at)]

    def at(self, at: int) -> int | None:
        """Return the message that the loop was at when a character was printed."""
        return self.ats[self.segment(at)]

    def key(self, at: int) -> Key | None:
        """Return the place in the template that printed a character; `None` for what messages say."""
        index = self.segment(at)
        origin = self.origins[index]
        if origin.kind == "message" or origin.place is None:
            return None
        return (origin.kind, origin.place, self.begins[index] + at - self.starts[index])

    def keys(self, start: int, end: int) -> set[Key]:
        """Return the places that printed a range."""
        return {key for at in range(start, end) if (key := self.key(at)) is not None}

    def printed_by(self, start: int, end: int) -> set[tuple[Key, tuple[int, ...]]]:
        """Return the places that printed a range, each with the outputs that it passed through."""
        found: set[tuple[Key, tuple[int, ...]]] = set()
        for index, low, high in self.segments_in(start, end):
            found |= {(key, self.origins[index].via) for key in self.keys(low, high)}
        return found

    @cached_property
    def edges(self) -> frozenset[int]:
        """Offsets at which one piece of the template's text or of a field ends and another begins."""
        found = {0, len(self.text)}
        for left, right in pairwise(range(len(self.origins))):
            one, two = self.origins[left], self.origins[right]
            if one.kind == two.kind == "literal":
                ends = one.place + self.begins[left] + self.ends[left] - self.starts[left]
                if ends == two.place + self.begins[right]:
                    continue
            elif one.kind == two.kind and (one.place, one.sources, one.at) == (
                two.place,
                two.sources,
                two.at,
            ):
                continue
            found.add(self.starts[right])
        return frozenset(found)

    def is_role(self, at: int, message: int) -> bool:
        """Whether a character says who speaks in a message: the name of its role, or of the speaker."""
        origin = self.origin(at)
        return origin.kind == "message" and origin.place[0] == message and origin.place[1:] in _SPEAKER

    def says(self, at: int) -> frozenset[int]:
        """Return the messages that a character says something of."""
        return self.messages[self.segment(at)]

    def segments_in(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the segments that overlap a range: index, start and end within it."""
        if start >= end:
            return
        for at in range(self.segment(start), self.segment(end - 1) + 1):
            yield at, max(start, self.starts[at]), min(end, self.ends[at])
