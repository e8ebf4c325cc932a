"""Where a turn breaks off and goes on that is printed round texts of others, as a tool's result within it."""

from __future__ import annotations

from collections.abc import Sequence
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
) -> tuple[Hole, ...] | None:
    """Return the holes between a message's own texts, or `None` if unsure of one.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of the message.
        own (`Sequence[tuple[int, int]]`): Where its own texts stand, in order.
        others (`Sequence[tuple[int, int]]`): Where texts of others stand.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How turns end.
    """
    found = []
    for at, (one, two) in enumerate(pairwise(own)):
        within = [place for place in others if one[1] <= place[0] < two[0]]
        if within:
            out = outs(view, turn, one, within[0][0], closings)
            back = _ins(
                view, turn, own[: at + 1], max(within, key=lambda place: place[1]), own[at + 1 :], headers
            )
            if not out or not back:
                return None
            found.append(Hole(out, back))
    return tuple(found)


def outs(view: View, turn: int, last: Place, other: int, closings: Closings) -> frozenset[int]:
    """Return where a turn may break off before a text of another role; empty if unsure.

    Its own text ends where its render begins to differ from that without the other's text: what follows opens a
    result. A bracketed token right there may be the stop.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of the message.
        last (`tuple[int, int]`): The turn's own text before the other's.
        other (`int`): Where the other's text starts.
        closings (`Closings`): How turns end.
    """
    full, low = view.full or "", last[1]
    gap = full[low:other]
    ended = next((each for each in closings.calls if gap.startswith(each)), None)
    if ended is not None:
        return frozenset([low + len(ended)])
    rest = _behind(view.without(turn, view.probe.turns[turn].quoted, turn + 1), full[slice(*last)])
    if rest is None:
        return frozenset()
    cut = whole(gap, common_prefix(gap, rest), rest)
    said = gap[:cut].rstrip()
    if any(said.endswith(each) for each in closings.stops):
        return frozenset([low + len(said)])
    stopped = min(
        ((gap.index(each, cut), -len(each)) for each in closings.stops if each in gap[cut:]), default=None
    )
    if stopped:
        return frozenset([low + stopped[0] - stopped[1]])
    # Where no known stop closes what was said, whitespace behind it may be the model's.
    ends = {*range(low + len(said), low + cut + 1)}
    token = next((each for each in bracketed(gap[cut:])[:1] if gap.startswith(each, cut)), "")
    return frozenset([*ends, low + cut + len(token)] if token else ends)


def _ins(
    view: View, turn: int, before: Sequence[Place], other: Place, behind: Sequence[Place], headers: Headers
) -> frozenset[int]:
    """Return where a turn may go on between another's text and its own; empty if unsure.

    Behind a header; else where the other's closing ends, which also stands there where nothing more is said, and what
    stands before the turn's own text begins, which also stands there where nothing was said before.
    """
    full, low, high = view.full or "", other[1], behind[0][0]
    window, first = full[low:high], full[slice(*behind[0])]
    prompts = [prompt[len(base) :] for base, prompt in view.prompts(turn) if prompt != base]
    if heads := frozenset(end for _, end in headers.found(window, low)):
        return heads | {
            at for at in range(max(heads), high + 1) if any(full[:at].endswith(each) for each in prompts)
        }
    said = [full[slice(*place)] for place in before]
    alone = view.without(turn, [*said, *view.probe.turns[turn].quoted], turn + 1)
    closed = _behind(view.without(turn, [full[slice(*place)] for place in behind]), full[slice(*other)])
    if alone is None or alone.count(first) != 1 or closed is None:
        return frozenset()
    shared = len(commonprefix([window[::-1], alone[: alone.index(first)][::-1]]))  # noqa: RUF071 - of characters
    opening = window[whole_after(window, len(window) - shared) :].lstrip()
    start, end = high - len(opening), low + whole(window, common_prefix(window, closed), closed)
    if full[end:start].strip():
        return frozenset()
    prefills = {
        at for at in range(start + 1, high + 1) if any(each.endswith(full[start:at]) for each in prompts)
    }
    return frozenset({*range(min(end, start), start + 1), *prefills})


def _behind(text: str | None, each: str) -> str | None:
    """What stands behind a text in a render that holds it once."""
    return text.partition(each)[2] if text is not None and text.count(each) == 1 else None
