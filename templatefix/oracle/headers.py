"""What inference prepends to an assistant turn, learned over all probes of a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.oracle.views import View, common_prefix, whole


@dataclass(frozen=True, slots=True)
class Opening:
    """How one assistant turn may begin in a render.

    Args:
        base (`int`): Where the text before the header ends.
        starts (`tuple[int, ...]`): Where the owed span may start, ascending: after the whole of a generation
            prompt, in any setting of the thinking switch.
        cut (`int`): After the longest part of a generation prompt that the turn begins with.
        silent (`bool`): Whether no generation prompt adds anything here.
    """

    base: int
    starts: tuple[int, ...]
    cut: int
    silent: bool


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
    silent = True
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
        cuts.add(at + max(whole(header, shared, full[at:]), 0))
    if not bases:
        return None
    return Opening(max(bases), tuple(sorted(starts)), max(cuts), silent)


def learn(views: Sequence[View]) -> tuple[str, ...]:
    """Return the headers that are certain, shortest first.

    A header is certain where a whole generation prompt stands in the turn, or where the turn's own text
    follows the common part at once (then only a thinking prefill of the prompt is missing). Where the template
    opens no turn when asked to, a header is what stands between a question and its answer, if it is always the
    same.

    Args:
        views (`Sequence[View]`): The probes of one template.

    Returns:
        `tuple[str, ...]`: Just `""` when the template opens no turn because none needs opening: its answers follow
        the user's text at once.
    """
    certain: set[str] = set()
    bare: set[bool] = set()
    for view in views:
        full = view.full
        if full is None:
            continue
        places = view.located(full)
        for turn in view.probe.assistant:
            opening, place = openings(view, turn), places[turn]
            if opening is None:
                continue
            certain |= {full[opening.base : start] for start in opening.starts}
            at_once = place and opening.cut <= place[0] and not full[opening.cut : place[0]].strip()
            if at_once and not opening.starts:
                certain.add(full[opening.base : opening.cut])
            certain |= _like_user(view, full, turn)
            if place and view.plain(turn) and opening.base in opening.starts:
                bare.add(not full[opening.base : place[0]].strip())
    headers = tuple(sorted((header for header in certain if header.strip()), key=len))
    return headers or (("",) if bare == {True} else _between(views))


def _between(views: Sequence[View]) -> tuple[str, ...]:
    """What stands between a plain question and its plain answer, if it is the same throughout; else nothing.

    Only where the template ignores `add_generation_prompt`: one that heeds it, and opens no turn like those it
    prints, quotes its answers, as a judge's does.
    """
    gaps: set[str] = set()
    for view in views:
        full = view.full
        places = view.located(full) if full else []
        for turn in view.probe.assistant:
            if any(prompt[len(base) :].strip() for base, prompt in view.prompts(turn)):
                return ()
            before, place = (places[turn - 1], places[turn]) if turn and places else (None, None)
            asked = turn > 0 and view.probe.turns[turn - 1].role == "user" and view.plain(turn - 1)
            if full and before and place and asked and view.plain(turn):
                gaps.add(full[before[1] : place[0]])
    stripped = {gap.strip() for gap in gaps}
    return (min(gaps, key=len),) if len(stripped) == 1 and stripped != {""} else ()


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
