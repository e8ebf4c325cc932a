"""Text whose characters know where they come from.

A [`Traced`] is a `str` made of segments. Each segment has one [`Origin`]: a literal of the template, a field of a
message, a variable, or a value derived from others. Every method that keeps characters keeps their origins; what cannot
be followed character by character is *derived*, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, SupportsIndex

Path = tuple[Any, ...]
"""Where a text stands in a conversation: index of the message, then keys and indices, such as `(3, "content")`."""

Kind = Literal["literal", "message", "variable", "derived"]

UNKNOWN = -1
"""The message of a text that has not been printed yet."""


class Origin:
    """Where a stretch of text comes from. Compared by identity; `same_place` compares what it says.

    Args:
        kind (`str`): `literal`, `message`, `variable` or `derived`.
        place (`int`, `tuple` or `str`): Source offset of a literal, path of a message's field, name of a variable.
        sources (`frozenset[tuple]`): Paths of the message fields that a derived text was computed from.
        at (`int`, *optional*): Index of the message that the innermost message loop was at when the text was made or
            printed; `None` outside of such loops, `UNKNOWN` before it is printed.
        via (`tuple[int, ...]`): The outputs that printed the text, innermost first, as source offsets.
    """

    __slots__ = ("_printed", "at", "kind", "place", "sources", "via")

    def __init__(
        self,
        kind: Kind,
        place: Any = None,
        sources: frozenset[Path] = frozenset(),
        at: int | None = UNKNOWN,
        via: tuple[int, ...] = (),
    ) -> None:
        self.kind = kind
        self.place = place
        self.sources = sources
        self.at = at
        self.via = via
        self._printed: dict[tuple[int | None, bool, int], Origin] = {}

    def __repr__(self) -> str:
        return f"Origin({self.kind}, {self.place!r}, at={self.at}, via={self.via})"

    def printed(self, at: int | None, moved: bool, output: int) -> Origin:
        """Return the origin of the same text after it is printed.

        Args:
            at (`int`, *optional*): The message that the loop is at.
            moved (`bool`): Whether a text made for another message counts as made for this one.
            output (`int`): Source offset of the output that prints it; negative for none.
        """
        key = (at, moved, output)
        found = self._printed.get(key)
        if found is None:
            # A literal named before the loop was made for no message; it is printed for this one.
            again = moved or self.at == UNKNOWN or (self.at is None and at is not None)
            via = self.via if output < 0 else (*self.via, output)
            found = self
            if via is not self.via or (again and at != self.at):
                found = Origin(self.kind, self.place, self.sources, at if again else self.at, via)
            self._printed[key] = found
        return found

    @property
    def fields(self) -> frozenset[Path]:
        """The message fields that the text says something of."""
        return frozenset([self.place]) if self.kind == "message" else self.sources


DERIVED = Origin("derived")
"""Computed from nothing that is followed, such as a number or a date."""

Segment = tuple[Origin, int, int]
"""An origin, where in its own text the segment begins, and how many characters it has."""


class Traced(str):
    """A text in segments.

    Args:
        text (`str`): The text.
        segments (`tuple`): Segments whose lengths add up to the text's; one derived segment if `None`.
    """

    __slots__ = ("segments",)

    segments: tuple[Segment, ...]

    def __new__(cls, text: str = "", segments: tuple[Segment, ...] | None = None) -> Traced:
        """Make a text of segments."""
        made = str.__new__(cls, text)
        if segments is None:
            segments = ((DERIVED, 0, len(text)),) if text else ()
        made.segments = segments
        return made

    @classmethod
    def of(cls, text: str, origin: Origin) -> Traced:
        """Return a text of one origin."""
        return cls(text, ((origin, 0, len(text)),) if text else ())

    def __str__(self) -> str:
        return self

    def __add__(self, other: str) -> Traced:
        if not isinstance(other, str):
            return NotImplemented
        return type(self)(str.__add__(self, other), _merged(self.segments, segments_of(other)))

    def __radd__(self, other: str) -> Traced:
        if not isinstance(other, str):
            return NotImplemented
        return type(self)(str.__add__(other, self), _merged(segments_of(other), self.segments))

    def __getitem__(self, index: SupportsIndex | slice) -> Traced:
        text = str.__getitem__(self, index)
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return type(self)(
                    text, tuple(_cut(self.segments, at, at + 1)[0] for at in range(start, stop, step))
                )
        else:
            start = index.__index__() % len(self)
        return type(self)(text, _cut(self.segments, start, start + len(text)))

    def __iter__(self) -> Iterator[str]:
        return (self[at] for at in range(len(self)))

    def __mul__(self, times: SupportsIndex) -> Traced:
        return type(self)(str.__mul__(self, times), self.segments * max(times.__index__(), 0))

    __rmul__ = __mul__

    def __mod__(self, value: Any) -> Traced:
        return derived(str.__mod__(self, value), self, value)

    def format(self, *args: Any, **kwargs: Any) -> Traced:
        """Format; the result is derived."""
        return derived(str.format(self, *args, **kwargs), self, args, kwargs)

    def strip(self, chars: str | None = None, /) -> Traced:
        """Strip both ends."""
        start = len(self) - len(str.lstrip(self, chars))
        return self[start : max(start, len(str.rstrip(self, chars)))]

    def lstrip(self, chars: str | None = None, /) -> Traced:
        """Strip the beginning."""
        return self[len(self) - len(str.lstrip(self, chars)) :]

    def rstrip(self, chars: str | None = None, /) -> Traced:
        """Strip the end."""
        return self[: len(str.rstrip(self, chars))]

    def removeprefix(self, prefix: str, /) -> Traced:
        """Cut a prefix off."""
        return self[len(prefix) :] if str.startswith(self, prefix) else self

    def removesuffix(self, suffix: str, /) -> Traced:
        """Cut a suffix off."""
        return self[: len(self) - len(suffix)] if suffix and str.endswith(self, suffix) else self

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Split from the left."""
        return self._placed(str.split(self, sep, maxsplit), sep)

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Split from the right."""
        return self._placed(str.rsplit(self, sep, maxsplit), sep)

    def _placed(self, parts: Sequence[str], sep: str | None) -> list[str]:
        """Find the parts of a split again: each stands one separator behind the one before it."""
        found: list[str] = []
        at = 0
        for part in parts:
            at = str.index(self, part, at) if sep is None else at
            found.append(self[at : at + len(part)])
            at += len(part) + len(sep or "")
        return found

    def splitlines(self, keepends: bool = False) -> list[str]:
        """Split into lines."""
        found: list[str] = []
        at = 0
        for line, bare in zip(str.splitlines(self, True), str.splitlines(self), strict=True):
            found.append(self[at : at + len(line if keepends else bare)])
            at += len(line)
        return found

    def partition(self, sep: str, /) -> tuple[str, str, str]:
        """Split at the first separator."""
        return self._in_three(str.partition(self, sep))

    def rpartition(self, sep: str, /) -> tuple[str, str, str]:
        """Split at the last separator."""
        return self._in_three(str.rpartition(self, sep))

    def _in_three(self, parts: tuple[str, str, str]) -> tuple[str, str, str]:
        first = len(parts[0])
        second = first + len(parts[1])
        return self[:first], self[first:second], self[second:]

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> Traced:
        """Replace; the new text keeps its own origin."""
        if not old:
            return derived(str.replace(self, old, new, count), self, new)
        return joined(new, self._placed(str.split(self, old, count), old), type(self))

    def join(self, items: Iterable[str], /) -> Traced:
        """Join texts; raises as `str.join` does where one is no text."""
        found = list(items)
        str.join(self, found)
        return joined(self, found)

    def upper(self) -> Traced:
        """Upper case."""
        return self._respelled(str.upper(self))

    def lower(self) -> Traced:
        """Lower case."""
        return self._respelled(str.lower(self))

    def title(self) -> Traced:
        """Title case."""
        return self._respelled(str.title(self))

    def capitalize(self) -> Traced:
        """Capital first letter."""
        return self._respelled(str.capitalize(self))

    def _respelled(self, text: str) -> Traced:
        return type(self)(text, self.segments) if len(text) == len(self) else derived(text, self)


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}


class Safe(Traced):
    """What `|safe` makes: like `markupsafe.Markup`, it escapes what is added to it."""

    __slots__ = ()

    def __html__(self) -> str:
        return self

    def __add__(self, other: str) -> Traced:
        return Traced.__add__(self, escaped(other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> Traced:
        return Traced.__radd__(self, escaped(other)) if isinstance(other, str) else NotImplemented

    def join(self, items: Iterable[str], /) -> Traced:
        """Join texts, each escaped."""
        return joined(self, [escaped(item) for item in items], Safe)


def escaped(value: str) -> Safe:
    """Escape a text for HTML, as `markupsafe.escape` does."""
    if hasattr(value, "__html__"):
        return Safe(plain(value), segments_of(value))
    segments: list[Segment] = []
    for at, char in enumerate(plain(value)):
        origin, begin, _ = _cut(segments_of(value), at, at + 1)[0]
        segments.append((origin, begin, len(_HTML.get(char, char))))
    return Safe("".join(_HTML.get(char, char) for char in plain(value)), _merged(tuple(segments), ()))


def plain(text: str) -> str:
    """Return the bare `str` of a traced text."""
    return str.__getitem__(text, slice(None))


def segments_of(text: str) -> tuple[Segment, ...]:
    """Return the segments of a text; one derived segment where nothing is known of it."""
    if isinstance(text, Traced):
        return text.segments
    return ((DERIVED, 0, len(text)),) if text else ()


def joined(separator: str, items: Sequence[str], kind: type[Traced] = Traced) -> Traced:
    """Join texts with their origins.

    Args:
        separator (`str`): What stands between two of them.
        items (`Sequence[str]`): The texts.
        kind (`type`): The class of the result.
    """
    segments: list[Segment] = []
    between = segments_of(separator)
    for at, item in enumerate(items):
        if at and between:
            segments += between
        segments += segments_of(item)
    return kind(str.join(separator, items), _merged((), tuple(segments)))


def derived(text: str, *values: Any) -> Traced:
    """Return a text of which only the values are known that it was computed from.

    One that is computed from literals alone, as by `format`, belongs to the place of the first of them.
    """
    sources = frozenset(fields_in(values))
    places = (origin.place for origin in origins_in(values) if origin.place is not None)
    place = None if sources else next((each for each in places if isinstance(each, int)), None)
    return Traced.of(text, Origin("derived", place, sources) if sources or place is not None else DERIVED)


def origins_in(value: Any) -> Iterator[Origin]:
    """Yield the origins of the texts in a value."""
    if isinstance(value, Traced):
        for origin, _, _ in value.segments:
            yield origin
    elif isinstance(value, dict):
        for pair in value.items():
            yield from origins_in(pair)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from origins_in(item)


def fields_in(value: Any) -> Iterator[Path]:
    """Yield the paths of the message fields that a value holds texts of."""
    for origin in origins_in(value):
        yield from origin.fields


def _cut(segments: Sequence[Segment], start: int, stop: int) -> tuple[Segment, ...]:
    """Return the segments of a slice."""
    found: list[Segment] = []
    at = 0
    for origin, begin, length in segments:
        end = at + length
        if end > start:
            low, high = max(start - at, 0), min(stop, end) - at
            if high > low:
                found.append((origin, begin + low, high - low))
            if end >= stop:
                break
        at = end
    return tuple(found)


def _merged(left: tuple[Segment, ...], right: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Put segments in a row, and join those that go on where the one before them ends."""
    if left and right and left[-1][0] is not right[0][0]:
        return left + right
    found: list[Segment] = []
    for segment in (*left, *right):
        origin, begin, length = segment
        if found:
            last, first, size = found[-1]
            if last is origin and first + size == begin and origin.kind != "derived":
                found[-1] = (origin, first, size + length)
                continue
        found.append(segment)
    return tuple(found)
