"""Where a turn breaks off and goes on that is printed round texts of others, as a tool's result within it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonprefix

from templatefix.oracle.closings import Closings
from templatefix.oracle.headers import Headers
from templatefix.oracle.texts import Place, bracketed, common_prefix, whole, whole_after
from templatefix.oracle.views import View


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch within a turn that holds texts of other roles.

    Args:
        outs (`frozenset[int]`): Offsets at which the owed text may break off before it.
        ins (`frozenset[int]`): Offsets at which it may go on behind it.
    """

    outs: frozenset[int]
    ins: frozenset[int]

    @classmethod
    def any_of(cls, low: int, high: int) -> Hole:
        """A stretch of which every part may be marked or not."""
        room = frozenset(range(low, high + 1))
        return cls(room, room)

    def holds(self, gap: Place) -> bool:
        """Whether the text between two spans is what a hole leaves out."""
        return gap[0] in self.outs and gap[1] in self.ins


def between(
    view: View,
    turn: int,
    own: Sequence[Place],
    others: Sequence[Place],
    headers: Headers,
    closings: Closings,
) -> tuple[Hole, ...]:
    """Return the holes between a message's own texts.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of the message.
        own (`Sequence[tuple[int, int]]`): Where its own texts stand, in order.
        others (`Sequence[tuple[int, int]]`): Where texts of others stand.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How turns end.
    """
    full, found = view.full or "", []
    for (start, low), (high, end) in pairwise(own):
        within = [at for at in others if low <= at[0] < high]
        if within:
            out = outs(view, turn, full[start:low], [at for at, _ in within], low, closings)
            last = max(at for _, at in within)
            found.append(Hole(out, _ins(view, turn, full[high:end], last, high, headers, closings)))
    return tuple(found)


def outs(
    view: View, turn: int, last: str, others: Sequence[int], low: int, closings: Closings
) -> frozenset[int]:
    """Return where a turn may break off before a text of another role.

    Its own text ends where its render begins to differ from that without the other's text: what follows opens a
    result. A bracketed token right there may be the stop.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of the message.
        last (`str`): The turn's own text before the hole.
        others (`Sequence[int]`): Where texts of others stand in the hole.
        low (`int`): Where the turn's own text before the hole ends.
        closings (`Closings`): How turns end.
    """
    full = view.full or ""
    gap = full[low : min(others)]
    ended = next((each for each in closings.calls if gap.startswith(each)), None)
    if ended is not None:
        return frozenset([low + len(ended)])
    alone = view.without_quoted(turn)
    if alone is None or alone.count(last) != 1:
        return frozenset(range(low, min(others) + 1))
    rest = alone[alone.index(last) + len(last) :]
    cut = whole(gap, common_prefix(gap, rest), rest)
    said = gap[:cut].rstrip()
    if any(said.endswith(each) for each in closings.stops):
        return frozenset([low + len(said)])
    # Where nothing closes what was said, whitespace behind it may be the model's.
    ends = {low + len(said)} if said else {*range(low, low + cut + 1)}
    token = next((each for each in bracketed(gap[cut:])[:1] if gap.startswith(each, cut)), "")
    stopped = low + cut + len(token)
    return frozenset([stopped] if token in closings.stops else [*ends, stopped] if token else ends)


def _ins(
    view: View, turn: int, first: str, low: int, high: int, headers: Headers, closings: Closings
) -> frozenset[int]:
    """Return where a turn may go on between the end of another's text and the start of its own.

    Behind a header, or where its render is the same without the other's text: a prefill may stand there.
    """
    window = (view.full or "")[low:high]
    if heads := frozenset(end for _, end in headers.found(window, low)):
        return heads
    alone = view.without_quoted(turn)
    if alone is None or alone.count(first) != 1:
        return frozenset(range(low, high + 1))
    before = alone[: alone.index(first)]
    shared = len(commonprefix([window[::-1], before[::-1]]))  # noqa: RUF071 - of characters
    at = _behind_stops(window, whole_after(window, len(window) - shared), closings.stops)
    return frozenset(range(low + at, high + 1))


def _behind_stops(window: str, at: int, stops: Iterable[str]) -> int:
    """Move `at` behind what closes turns."""
    return max([at, *(window.rfind(each) + len(each) for each in stops if each in window)])
