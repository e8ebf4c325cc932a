"""Second road: sentinels. A turn stands around its own unique texts, wherever history was rewritten."""

from __future__ import annotations

from templatefix.oracle.closings import Closings
from templatefix.oracle.endings import tail
from templatefix.oracle.headers import Headers
from templatefix.oracle.prefix import Bounds, ends
from templatefix.oracle.texts import common_prefix, whole
from templatefix.oracle.views import View


def owed(view: View, turn: int, headers: Headers, closings: Closings) -> Bounds | str:
    """Return where the owed span may start and end, or the reason why it cannot be told.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
        headers (`Headers`): What stands before assistant turns.
        closings (`Closings`): How turns end.
    """
    full = view.full
    if full is None:
        return "the conversation does not render"
    places = view.located(full)
    place = places[turn]
    before = _before(view, turn, full, place[0], headers) if place else None
    if place is None or before is None:
        return "the texts of this turn or of the one before it are not found"
    window = full[before : place[0]]
    lead = closings.leads.get("assistant", "")
    heads = headers.found(window, before) or Headers((lead,) if lead else ()).found(window, before)
    starts = frozenset(end for _, end in heads) or _headless(view, turn, window, place[0], headers, closings)
    if not starts:
        return "no known header precedes the texts of this turn"
    closing = _closing(view, turn, full, closings)
    if closing is None:
        return "the turn ends differently where it is the last one"
    header = min((at for at, _ in heads), default=min(starts))
    return Bounds(starts, ends(full, place[1] + len(closing), max(starts), place), header)


def _before(view: View, turn: int, full: str, start: int, headers: Headers) -> int | None:
    """Where the last text of earlier messages ends; `None` if that cannot be told.

    It need not be the message's just before: a tool's result may stand within the turn that called it. Where nothing
    is found of that one, the turn's own header is the last, if there is one for each of the assistant's turns.
    """
    if turn == 0:
        return 0
    place, texts = view.located(full)[turn - 1], view.pieces(full, turn - 1)
    earlier = [end for at in range(turn) for _, end in view.pieces(full, at) if end <= start]
    found = max([*earlier, *(place[1:] if place else ())], default=0)
    if place is not None or (texts and texts[-1][1] <= start):
        return found
    last = max((at for at in range(turn) if view.pieces(full, at)), default=-1)
    opened = sum(each.role == "assistant" for each in view.probe.turns[last + 1 : turn + 1])
    header = headers.texts[0] if headers.texts else ""
    told = header and not headers.none and full.count(header, found, start) == opened
    return full.rfind(header, found, start) if told else None


def _headless(
    view: View, turn: int, window: str, start: int, headers: Headers, closings: Closings
) -> frozenset[int]:
    """Where a turn starts that says one text, with nothing before it but the end of the turn before."""
    parts = isinstance(view.probe.messages[turn].get("content"), list)
    if not view.plain(turn, parts=parts):
        return frozenset()
    nothing = window.strip() in ("", closings.terminator.strip())
    opens = turn == 0 and headers.none
    content = str(view.probe.messages[turn].get("content"))
    padded = not closings.terminator or headers.none or content[:1].isspace()
    blank = len(window) - len(window.rstrip()) if padded else 0
    return frozenset(range(start - blank, start + 1)) if nothing or opens else frozenset()


def _closing(view: View, turn: int, full: str, closings: Closings) -> str | None:
    """What closes the turn: what does where it is the last one, or what closes others in the middle."""
    place, gap = view.located(full)[turn], view.gap(turn)
    if place is None:
        return None
    called = "tool_calls" in view.probe.messages[turn]
    last = tail(view, turn)
    if last is None and not called:
        last = closings.terminator or None
    if last is not None:
        last = closings.bare(last).rstrip()
        # Nothing closes it where it is last: what stands between it and the next message must tell.
        if (last or not gap) and full.startswith(last, place[1]):
            return closings.stopped(last, gap) if view.framed(turn) and gap else last
    if gap is None:
        return None
    own = (
        whole(gap[0], common_prefix(gap[0], last), last) if last else 0
    )  # printed here and there: the turn's own
    closing = closings.between(gap[0][own:], gap[1], called=called)
    return gap[0][:own] + closing if closing is not None else None
