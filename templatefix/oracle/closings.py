"""What closes an assistant turn, learned over all probes of a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from templatefix.oracle.views import View, common_prefix, whole


@dataclass(frozen=True, slots=True)
class Closings:
    """How assistant turns end.

    Args:
        extra (`str`): Text that follows the end of turn only where nothing comes after the turn, such as an
            end of sequence printed after the message loop. The model stops before it.
        terminator (`str`): What closes a plain turn, in the middle and at the end alike.
    """

    extra: str = ""
    terminator: str = ""

    @classmethod
    def learn(cls, views: Iterable[View]) -> Closings:
        """Compare the ends of plain last turns with those of plain turns in the middle."""
        found = {pair for view in views for pair in _plain(view)}
        return cls(*found.pop()) if len(found) == 1 else cls()

    def bare(self, text: str) -> str:
        """Return a render that ends in an assistant turn without the extra text."""
        return text.removesuffix(self.extra) if self.extra else text


def tail(view: View, turn: int) -> str | None:
    """Return what follows the turn's own last text where the turn is the last one.

    `None` where the template raises or the turn's texts are not found.
    """
    alone = view.upto(turn + 1, False)
    place = view.located(alone)[turn] if alone is not None else None
    return alone[place[1] :] if alone is not None and place else None


def _plain(view: View) -> Iterable[tuple[str, str]]:
    full = view.upto(len(view.probe.messages), False)
    if full is None:
        return
    places = [*view.located(full), None]
    for turn in view.probe.assistant:
        place, after, last = places[turn], places[turn + 1], tail(view, turn)
        message, texts = view.probe.messages[turn], view.probe.turns[turn].texts
        plain = "tool_calls" not in message and str(message["content"]).endswith(texts[-1] if texts else "")
        if not plain or not (place and after) or last is None:
            continue
        gap = full[place[1] : after[0]]
        shared = gap[: whole(gap, common_prefix(gap, last), last)].rstrip()
        if shared:
            rest = last[len(shared) :]
            yield (rest if rest.strip() else "", shared)
