"""What closes a turn: texts printed behind plain answers, in the middle of a conversation and at its end."""

from __future__ import annotations

from templatefix.analysis import Interval, Trace, View
from templatefix.expected.prompts import role_header
from templatefix.expected.texts import common_prefix


def last_stop(view: View, full: Trace, k: int, base: int, end: int) -> Interval | None:
    """Return the end of turn that is printed only behind the last message."""
    answer = {**view.analysis.answer, "role": view.messages[k].get("role")}
    for chat, at in (([*view.messages[:k], answer], k), ([view.analysis.ask, answer], 1)):
        render = view.render(chat)
        if render is not None and render.own(at):
            tail = "".join(render.text[low:high] for low, high in _behind(render, at)).strip()
            return (end - len(tail), end) if tail and full.text[base:end].endswith(tail) else None
    return None


def first_close(view: View, full: Trace, base: int, end: int, plain: str | None) -> int | None:
    """Return where the template's own end of turn ends, if the turn prints more behind it that is not its own."""
    at = full.text.find(plain, base, end) if plain else -1
    behind = at + len(plain or "")
    rest = full.text[behind:end].strip()
    if (
        at < 0
        or not rest
        or any(full.origin(each).kind in ("message", "derived") for each in range(at, behind))
    ):
        return None
    asked, bare = (view.render([view.analysis.ask], prompt) for prompt in (True, False))
    prompt = asked.text[common_prefix(asked.text, bare.text) :].strip() if asked and bare else ""
    headers = [header for header in (role_header(view).strip(), prompt) if header]
    return None if rest.startswith(tuple(headers)) else behind  # a message may be printed as several turns


def without_opening(view: View, full: Trace, base: int, end: int) -> int:
    """Return where a turn ends without what opens the next question, which the turn may print too."""
    opening = view.opening.strip()
    if opening:
        whole = base + len(full.text[base:end].rstrip().removesuffix(opening))
        for at in (whole, *sorted(edge for edge in full.edges if base < edge < end)):
            head = full.text[at:end].strip()
            if head and opening.startswith(head) and full.text[base:at].strip():
                return base + len(full.text[base:at].rstrip())
    return end


def may_be_a_remark(view: View, k: int, closing: str) -> bool:
    """Whether several words are printed behind plain answers in the middle, and nothing behind the last one."""
    if len(closing.split()) < 2:
        return False
    answer = {**view.analysis.answer, "role": view.messages[k].get("role")}
    alone, question = (
        view.render([view.analysis.ask, answer]),
        view.render([view.analysis.ask, answer, view.analysis.ask]),
    )
    if alone is None or question is None or not (alone.own(1) and question.own(0)):
        return False
    behind = question.text[question.own(0)[-1][1] :].lstrip()
    return not alone.text[alone.own(1)[-1][1] :].strip() and not behind.startswith(closing)


def plain_close(view: View, k: int) -> str | None:
    """Return what a plain answer in place of turn `k` prints behind its text where a question follows."""
    answer = {**view.analysis.answer, "role": view.messages[k].get("role")}
    bare = view.analysis.view([view.analysis.ask, answer, view.analysis.ask])
    found: list[str] = []
    for chat, at, given in (
        ([*view.messages[:k], answer, view.analysis.ask], k, view),
        (bare.messages, 1, view),
        (bare.messages, 1, bare),
    ):
        render = given.render(chat)
        if render is not None and render.own(at):
            parts = _behind(render, at)
            end = without_opening(given, render, render.own(at)[-1][1], parts[-1][1]) if parts else 0
            found.append("".join(render.text[low : min(high, end)] for low, high in parts).strip())
    # What only this place, or these variables, print behind the plain end of turn does not close the turn.
    return min(
        (each for each in found if each and found[0].startswith(each)),
        key=len,
        default=next(iter(found), None),
    )


def tail_in_the_middle(view: View, k: int) -> str:
    """Return what the turn prints in one piece behind its text where a question follows."""
    render = view.render([*view.messages, view.analysis.ask])
    if render is None or not render.own(k):
        return ""
    start = render.own(k)[-1][1]
    end = start
    for index, _, high in render.segments_in(start, len(render.text)):
        if render.ats[index] != k or render.messages[index]:
            break
        end = high
    return render.text[start:end].rstrip()


def _behind(render: Trace, message: int) -> list[Interval]:
    """Return what is printed for a message behind its own text."""
    start = render.own(message)[-1][1]
    return [(max(low, start), high) for low, high in render.made(message) if high > start]
