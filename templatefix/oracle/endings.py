"""What follows turns in the renders of one probe, each way it can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from templatefix.oracle.leads import windows
from templatefix.oracle.texts import bracketed, common_prefix, whole
from templatefix.oracle.views import View


def before_question(terminator: str, views: Sequence[View]) -> tuple[str, str]:
    """What closes turns, and what behind it only opens the next question: the token right before the first one too."""
    first = {
        bracketed(window)[-1]
        for view in views
        if view.probe.turns[0].role == "user"
        for window in [*windows(view, "user")][:1]
        if bracketed(window)
    }
    for token in sorted(first):
        closing = terminator.rstrip().removesuffix(token)
        if closing.strip() and closing != terminator.rstrip():
            return closing.rstrip(), terminator[len(closing.rstrip()) :]
    return terminator, ""


_WRITTEN = ("'}]", '"}]')
"""How a list of parts ends that is printed as Python or as JSON."""


def tail(view: View, turn: int) -> str | None:
    """Return what follows the turn's own last text where the turn is the last one.

    `None` where the template raises or the turn's texts are not found.
    """
    alone = view.upto(turn + 1, False)
    place = view.located(alone)[turn] if alone is not None else None
    return alone[place[1] :] if alone is not None and place else None


def _said_last(view: View, turn: int) -> bool:
    """Whether a message is plain and ends with a text of its own."""
    message, texts = view.probe.messages[turn], view.probe.turns[turn].texts
    plain = set(message) <= {"role", "content", "reasoning_content", "reasoning", "thinking"}
    return plain and bool(texts) and str(message.get("content")).endswith(texts[-1])


def _said_lasts(view: View) -> list[int]:
    return [turn for turn in view.probe.assistant if _said_last(view, turn)]


def after_answers(view: View) -> Iterator[tuple[str, str]]:
    """The role that speaks after a plain answer, and the bracketed token, if any, that comes first."""
    full = view.full
    places = view.located(full) if full else []
    for turn in _said_lasts(view):
        place, after = (places[turn], places[turn + 1]) if turn + 1 < len(places) else (None, None)
        if full and place and after:
            gap = full[place[1] : after[0]].lstrip()
            first = bracketed(gap)[:1]
            yield view.probe.turns[turn + 1].role, first[0] if first and gap.startswith(first[0]) else ""


def of_plain(view: View, appended: Sequence[str]) -> Iterable[tuple[str, str]]:
    """What follows plain answers only where they are last, and what closes them in the middle too."""
    full = view.full
    if full is None:
        return
    places = [*view.located(full), None]
    for turn in view.probe.assistant:
        place, after, last = places[turn], places[turn + 1], tail(view, turn)
        if not _said_last(view, turn) or not (place and after) or last is None:
            continue
        gap = full[place[1] : after[0]]
        header = next(
            (each for each in appended if last.endswith(each) and last.removesuffix(each).strip()), ""
        )
        if header:  # it is printed unasked
            closing = last.removesuffix(header).rstrip()
            yield last[len(closing) :], closing
            continue
        shared = gap[: whole(gap, common_prefix(gap, last), last)].rstrip()
        if shared:
            rest = last[len(shared) :]
            yield (rest if rest.strip() else "", shared)


def of_calls(view: View) -> Iterator[str]:
    """What closes a turn that ends with a call, where it is last and where a message follows."""
    full = view.full
    places = view.located(full) if full else []
    for turn in view.probe.assistant:
        last, place, quoted = (
            tail(view, turn),
            places[turn] if places else None,
            view.probe.turns[turn].quoted,
        )
        if "tool_calls" not in view.probe.messages[turn] or not (full and place and last and last.strip()):
            continue
        if any(each in last for each in quoted):
            continue
        if full.startswith(last.rstrip(), place[1]):
            yield last.rstrip()


def of_answers(view: View) -> Iterator[str]:
    """What follows an answer without a call where it is last."""
    for turn in view.probe.assistant:
        message = view.probe.messages[turn]
        last = tail(view, turn) if "tool_calls" not in message else None
        if (
            last
            and last.strip()
            and not (isinstance(message.get("content"), list) and last.startswith(_WRITTEN))
        ):
            yield last.rstrip()


def before_results(view: View) -> Iterator[str]:
    """Bracketed tokens between two tool results in a row."""
    full = view.full
    places = view.located(full) if full else []
    for turn in range(1, len(places)):
        one, two = places[turn - 1], places[turn]
        roles = {view.probe.turns[turn - 1].role, view.probe.turns[turn].role}
        if full and one and two and roles == {"tool"}:
            yield from bracketed(full[one[1] : two[0]])


def of_questions(view: View) -> Iterator[str]:
    """What closes a question before an answer is asked for."""
    full = view.full
    places = view.located(full) if full else []
    for turn in view.probe.assistant:
        asked = turn > 0 and view.probe.turns[turn - 1].role == "user" and _said_last(view, turn - 1)
        place = places[turn - 1] if asked and places else None
        if full is None or place is None:
            continue
        for base, _ in view.prompts(turn):
            if full.startswith(base) and len(base) > place[1] and (text := base[place[1] :].strip()):
                yield base[place[1] : place[1] + base[place[1] :].index(text) + len(text)]
