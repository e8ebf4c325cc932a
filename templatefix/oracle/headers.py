"""What inference prepends to an assistant turn, learned over all probes of a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix

from templatefix.oracle.texts import common_prefix, whole, whole_after
from templatefix.oracle.views import View


@dataclass(frozen=True, slots=True)
class Opening:
    """How one assistant turn may begin in a render.

    Args:
        base (`int`): Where the text before the header ends.
        starts (`tuple[int, ...]`): Where the owed span may start, ascending: after the whole of a generation
            prompt, in any setting of the thinking switch.
        cut (`int`): After the longest part of a generation prompt that the turn begins with.
        silent (`bool`): Whether no generation prompt adds anything here.
        prefilled (`bool`): Whether each prompt goes on with a bracketed token after the part that the turn has.
    """

    base: int
    starts: tuple[int, ...]
    cut: int
    silent: bool
    prefilled: bool


def openings(view: View, turn: int) -> Opening | None:
    """Compare a render with the generation prompts before `turn`; `None` where they have no base in common.

    Args:
        view (`View`): The probe.
        turn (`int`): Index of an assistant message.
    """
    full = view.full
    if full is None:
        return None
    starts, cuts, bases = set(), set(), set()
    silent = prefilled = True
    for base, prompt in view.prompts(turn):
        shift = view.aligned(base, full, turn)
        if shift is None:
            continue
        at = len(base) + shift
        header = prompt[len(base) :]
        silent = silent and not header.strip()
        bases.add(at)
        shared = common_prefix(full[at:], header)
        if shared == len(header):
            starts.add(at + shared)
        cut = whole(header, shared, full[at:])
        prefilled = prefilled and cut > 0 and header[cut:].lstrip()[:1] in ("<", "[")
        cuts.add(at + cut)
    if not bases:
        return None
    return Opening(max(bases), tuple(sorted(starts)), max(cuts), silent, prefilled)


@dataclass(frozen=True, slots=True)
class Headers:
    """What stands before an assistant's turn.

    Args:
        texts (`tuple[str, ...]`): The headers that are certain, shortest first.
        none (`bool`): Whether inference prepends nothing, because an answer follows the question's text at once, or
            because its header is printed unasked; `texts` then holds what always stands between the two, if any.
    """

    texts: tuple[str, ...] = ()
    none: bool = False

    def __bool__(self) -> bool:
        return bool(self.texts) or self.none

    def found(self, window: str, offset: int) -> list[tuple[int, int]]:
        """Return where the headers that stand once in a window begin and end, counted from `offset`."""
        places = [(window.find(each), len(each)) for each in self.texts if window.count(each) == 1]
        return [(offset + at, offset + at + length) for at, length in places]


def answered(view: View, turn: int) -> bool:
    """Whether a message follows one of the assistant's."""
    return turn > 0 and view.probe.turns[turn - 1].role == "assistant"


def learn(views: Sequence[View]) -> Headers:
    """Return the headers of a template.

    A header is certain where a whole generation prompt stands in the turn, or where the turn's own text
    follows the common part at once (then only a thinking prefill of the prompt is missing). Where the template
    opens no turn when asked to, a header is what stands between a question and its answer, if it is always the
    same.

    Args:
        views (`Sequence[View]`): The probes of one template.
    """
    for parts in (False, True):
        found = _learn(views, parts)
        if found:
            return found
    return Headers()


def _learn(views: Sequence[View], parts: bool) -> Headers:
    certain: set[str] = set()
    partial: set[str] = set()
    forked: dict[str, set[str]] = {"whole": set(), "part": set(), "asked": set()}
    bare: set[bool] = set()
    for view in views:
        full = view.full
        if full is None:
            continue
        places = view.located(full)
        for turn in view.probe.assistant:
            opening, place = openings(view, turn), places[turn]
            if opening is None or answered(view, turn):  # what opens a turn after an answer may only end that
                continue
            certain |= {full[opening.base : start] for start in opening.starts}
            shared = full[opening.base : opening.cut]
            if place and opening.cut <= place[0] and not opening.starts:
                if not full[opening.cut : place[0]].strip():
                    partial.add(shared)
                elif opening.prefilled:
                    forked["part"].add(shared)
            certain |= _like_user(view, full, turn)
            forked["whole"] |= _forked(view, full, turn, opening.base)
            heads = forked["whole"] | forked["part"]
            forked["asked"] |= {each for each in heads if _before_user(view, full, turn, each)}
            if place and view.plain(turn, parts=parts) and opening.base in opening.starts:
                bare.add(not full[opening.base : place[0]].strip())
    # What also stands before some question names no role.
    certain |= forked["whole"] - forked["asked"]
    partial |= forked["part"] - forked["asked"]
    certain = {header for header in certain if header.strip()}
    # What goes on from a whole header is a prefill cut short.
    certain |= {each for each in partial if each.strip() and not each.startswith(tuple(certain))}
    texts = _shortest_first(certain)
    if texts:
        return Headers(texts)
    between = _between(views, parts, unasked=bare == {True})
    return Headers(between, none=bare == {True})


def _between(views: Sequence[View], parts: bool, *, unasked: bool) -> tuple[str, ...]:
    """What stands between a plain question and its plain answer, if it is always the same, and its common end.

    Args:
        views (`Sequence[View]`): The probes of one template.
        parts (`bool`): Whether plain messages are of one part.
        unasked (`bool`): Whether the header is printed whether asked for or not. Otherwise a template that heeds
            `add_generation_prompt`, or prints more after a last answer than after others, quotes its answers, as a
            judge's does: then nothing.
    """
    gaps: set[str] = set()
    windows: set[str] = set()
    for view in views:
        full = view.full
        places = view.located(full) if full else []
        for turn in view.probe.assistant:
            if not unasked and (view.heeds(turn) or not _ends_alike(view, turn)):
                return ()
            opening, place = openings(view, turn), places[turn] if places else None
            before = (0, 0) if not turn else places[turn - 1] if places else None
            if not full or not before or not place or not view.plain(turn, parts=parts):
                continue
            if any(_edged(view, at) for at in range(max(0, turn - 1), turn + 1)):
                continue
            start = opening.base if unasked and opening else place[0]
            window = full[before[1] : max(start, before[1])]
            windows.add(window)
            if turn and view.probe.turns[turn - 1].role == "user" and view.plain(turn - 1, parts=parts):
                gaps.add(window)
    if len({gap.strip() for gap in gaps}) != 1 or not min(gaps).strip():
        return ()
    gap = _shortest_first(gaps)[0]
    shared = min(common_prefix(each[::-1], gap[::-1]) for each in windows)
    ending = gap[whole_after(gap, len(gap) - shared) :]
    return _shortest_first({gap, *([ending] if ending.strip() else [])})


def _edged(view: View, turn: int) -> bool:
    """Whether a message's text has whitespace at an edge, which is not what stands between two messages."""
    content = view.probe.messages[turn].get("content")
    return isinstance(content, str) and content != content.strip()


def _shortest_first(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (len(text), text)))


def _ends_alike(view: View, turn: int) -> bool:
    """Whether a plain answer is followed by no more where it is the last message than where others follow."""
    full, alone = view.full, view.upto(turn + 1, False)
    if full is None or alone is None or turn + 1 == len(view.probe.messages):
        return True
    place, last = view.located(full)[turn], view.located(alone)[turn]
    return not place or not last or full.startswith(alone[last[1] :].rstrip(), place[1])


def _before_user(view: View, full: str, turn: int, text: str) -> bool:
    """Whether a text stands before a question too, so that it names no role."""
    places = view.located(full)
    for at, place in enumerate(places[: turn + 1]):
        before = places[at - 1] if at else (0, 0)
        if (
            place
            and before
            and view.probe.turns[at].role != "assistant"
            and text in full[before[1] : place[0]]
        ):
            return True
    return not text.strip()


def _forked(view: View, full: str, turn: int, base: int) -> set[str]:
    """The header alone where each setting of the thinking switch goes on with a prefill of its own."""
    tails = sorted({prompt[len(before) :] for before, prompt in view.prompts(turn)})
    if len(tails) < 2:
        return set()
    cut = whole(tails[0], len(commonprefix(tails)), *tails[1:])  # noqa: RUF071 - of characters
    head = tails[0][:cut]
    forks = all(tail[cut:].lstrip()[:1] in ("<", "[") for tail in tails)
    return {head} if forks and full.startswith(head, base) else set()


def _like_user(view: View, full: str, turn: int) -> set[str]:
    """The header alone where each prompt goes on with a thinking prefill: the user's header with the role exchanged.

    Only if every prompt of this turn begins with it.
    """
    places = view.located(full)
    user = places[turn - 1] if turn else None
    if user is None or view.probe.turns[turn - 1].role != "user" or turn < 2:
        return set()
    before = places[turn - 2]
    if before is None:
        return set()
    window = full[before[1] : user[0]]
    at = window.rfind("user")
    tails = [prompt[len(base) :] for base, prompt in view.prompts(turn)]
    if at < 0 or not tails:
        return set()
    ending = window[at + len("user") :]
    heads = {
        tail[: found + len("assistant" + ending)]
        for tail in tails
        if (found := tail.find("assistant" + ending)) >= 0
    }
    fits = len(heads) == 1 and all(tail.startswith(tuple(heads)) for tail in tails)
    return heads if fits and window[:at].endswith(next(iter(heads)).partition("assistant")[0]) else set()
