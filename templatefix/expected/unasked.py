"""Starts of turns in templates that print no generation prompt on request."""

from __future__ import annotations

from typing import NamedTuple

from templatefix.analysis import Key, Trace, View
from templatefix.expected.prompts import anchor
from templatefix.expected.texts import common_prefix


class Unasked(NamedTuple):
    """Starts of a turn that no generation prompt opens.

    Args:
        starts (`set[int]`): Offsets at which the span may start.
        flag (`str`): How they were found.
        prompted (`int`, *optional*): Where the text ends that stands for a generation prompt.
    """

    starts: set[int]
    flag: str
    prompted: int | None = None


def without_tail(view: View, full: Trace, k: int, start: int) -> int | None:
    """Return where a prompt ends that is printed unasked, without what is printed only because it is the end.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message.
        start (`int`): Where the turn's own text begins.

    Returns:
        `int` or `None`: An offset in the render; `None` where the prompt is printed on request, or is not in it.
    """
    prompt, bare = view.render(view.messages[:k], True), view.render(view.messages[:k])
    if prompt is None or prompt.text.rstrip() != (bare.text.rstrip() if bare else ""):
        return None
    p, f, _ = anchor(prompt, full, k, start)
    middle = full.keys(f, start)
    end = len(prompt.text)
    while end > p and (prompt.key(end - 1) not in middle or prompt.text[end - 1].isspace()):
        end -= 1
    # A guard's question, or an end of sequence, is printed behind it.
    return f + end - p if full.text.startswith(prompt.text[p:end], f) else None


def starts_unasked(view: View, full: Trace, k: int, at: int, dropped: bool) -> Unasked | str | None:
    """Return where a turn starts if no generation prompt is printed on request, or why that is not known.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message.
        at (`int`): Where the render of the messages before the turn ends in it.
        dropped (`bool`): Whether something was dropped from that end; see `without_tail`.
    """
    if not dropped and end_only(view, full, k):
        return Unasked({at}, "unasked")  # a header that every render ends with
    head = _plain_header(view, k, full, at)
    if head is not None and not head.strip():
        return Unasked({at, at + len(head)}, "unasked", at)
    if _printed_like_a_user(view, k):
        return "the template prints an assistant's message as it prints a user's"
    bare = (head or "").rstrip()
    if head is not None and full.text.startswith(bare, at):
        end = at + len(bare)
        return Unasked({end + common_prefix(head[len(bare) :], full.text[end:])}, "no-prompt")
    return None


def _plain_header(view: View, k: int, full: Trace, after: int) -> str | None:
    """Return what stands between the prompt and a plain answer in place of turn `k`."""
    for rest in (view.messages[k + 1 :], []):
        render = view.render([*view.messages[:k], view.analysis.answer, *rest])
        if render is not None and render.own(k):
            start = render.own(k)[0][0]
            theirs, ours, _ = anchor(render, full, k, after)
            if render.text[theirs:start].startswith(full.text[ours:after].rstrip()):
                return render.text[theirs + after - ours : start]
    return None


def printed_as_a_question(view: View, full: Trace, k: int) -> bool:
    """Whether nothing would change if a user said it: the template takes the message for a question where it is."""
    messages = [*view.messages]
    messages[k] = {**messages[k], "role": "user"}
    render = view.render(messages)
    return render is not None and render.text == full.text


def _printed_like_a_user(view: View, k: int) -> bool:
    """Whether an answer is printed by the same literals as a question, and without its role."""
    seen: list[set[Key]] = []
    for role in ("assistant", "user"):
        message = {**view.analysis.answer, "role": role}
        for chat, at in (([view.analysis.ask, message], 1), ([*view.messages[:k], message], k)):
            render = view.render(chat)
            if render is not None and render.own(at):
                break
        else:
            return False
        own = render.own(at)
        keys: set[Key] = set()
        for low, high in render.made(at):
            for char in range(low, high):
                if any(start <= char < end for start, end in own) or render.text[char].isspace():
                    continue
                if render.origin(char).kind == "message":
                    return False  # its role
                keys.add(render.key(char) or ("output", str(render.origin(char).via), 0))
        seen.append(keys)
    return seen[0] == seen[1]


def end_only(view: View, full: Trace, k: int) -> set[Key]:
    """Return the literals that only the end of a conversation prints: a header that nobody asked for."""
    prompt, bare = view.render(view.messages[:k], True), view.render(view.messages[:k])
    own = full.own(k)
    if bare is None or k == 0 or not own or view.messages[k - 1].get("role") == view.messages[k].get("role"):
        return set()
    if prompt is not None and prompt.text.rstrip() != bare.text.rstrip():
        return set()  # the flag is heeded
    start = own[0][0]
    p, f, message = anchor(bare, full, k, start)
    if message is None:
        return set()
    run = f
    while run < start and full.at(run) == message:
        run += 1
    closed = common_prefix(bare.text[p:], full.text[f:run])
    printed = {
        key
        for at in range(p + closed, len(bare.text))
        if bare.at(at) in (message, None) and (key := bare.key(at)) is not None
    }
    return printed - full.keys(f, start)
