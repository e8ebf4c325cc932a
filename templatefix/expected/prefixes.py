"""The second road: prefix difference of plain renders. It shares no code with the first, and vetoes it.

Where the render of the messages before a turn with a generation prompt is a prefix of the whole render, the span starts
where a prompt ends. Where the render up to the turn is a prefix too, the span ends in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from templatefix.analysis import View


def objection(view: View, text: str, message: int, starts: frozenset[int], end: int) -> str:
    """Return why a span cannot be right, by the prefixes of plain renders; empty if it may be.

    Args:
        view (`View`): The conversation.
        text (`str`): Its plain render.
        message (`int`): Index of the assistant's message.
        starts (`frozenset[int]`): Where the span may start.
        end (`int`): Where it ends, without what the next message prints.
    """
    before, upto = view.messages[:message], view.messages[: message + 1]

    def plain(messages: Sequence[Any], prompt: bool, options: Mapping[str, Any]) -> str | None:
        return view.analysis.plain(messages, view.tools, prompt, options)

    why = ""
    opened: set[int] = set()
    # What is prepended behind an answer may only end that one.
    again = bool(message) and before[-1].get("role") == view.messages[message].get("role")
    for options in () if again else view.settings:
        asked, bare = plain(before, True, options), plain(before, False, options)
        if asked and bare is not None and asked != bare and asked.startswith(bare) and text.startswith(asked):
            opened.add(len(asked))
            why = _start(text, starts, opened)
            if not why:  # further prompts would only allow more
                break
    if why:
        return why
    whole = plain(upto, False, view.options)
    if whole and text.startswith(whole.rstrip()) and end > len(whole) and text[len(whole) : end].strip():
        # What is printed whoever speaks next closes the turn, although nothing does where it is last.
        followed = [
            plain([*upto, each], False, view.options) for each in (view.analysis.ask, view.analysis.answer)
        ]
        if not all(each is None or each.startswith(text[:end]) for each in followed):
            return f"the text {text[len(whole) : end]!r} of the next message is in the span"
    return ""


def _start(text: str, starts: frozenset[int], opened: set[int]) -> str:
    """Return why a span cannot start where it does, by where generation prompts end."""
    if min(starts) > max(opened) and text[max(opened) : min(starts)].strip():
        return f"the text {text[max(opened) : min(starts)]!r} behind the generation prompt is not in the span"
    if max(starts) < min(opened) and text[max(starts) : min(opened)].strip():
        return f"the text {text[max(starts) : min(opened)]!r} of the generation prompt is in the span"
    return ""
