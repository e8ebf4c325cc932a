"""What a reader of a verdict should know besides its claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from templatefix.judge.claims import calls_of, reasoning_of, stop_of
from templatefix.judge.keys import unusual_keys
from templatefix.model import Check, Claim, Coverage, Message, Note
from templatefix.oracle import Expectation, Owed
from templatefix.render import Renderer

_PLAIN = ("two turns", "parts without system")
"""Probes that say plain texts; one of them renders."""


def notes(expectations: Sequence[Expectation], coverage: Coverage, renderer: Renderer) -> tuple[Note, ...]:
    """Return what the probes showed of a template, one sentence each.

    Args:
        expectations (`Sequence[Expectation]`): What each probe owes.
        coverage (`Coverage`): Which outputs the probes reached.
        renderer (`Renderer`): The template.
    """
    rendered = [each for each in expectations if each.text is not None]
    found = {
        "marked-not-tested": _unreached(coverage),
        "no-end-of-turn": _open_ended(rendered),
        "last-turn-unclosed": _unclosed(rendered),
        "tool-results-inside-turn": _in_pieces(rendered),
        "turn-without-header": _headless(rendered),
        "unusual-key-trained": _unusual(rendered),
        "content-dropped": _lost(rendered),
        "tool-calls-dropped": _dropped(rendered, calls_of, "tool calls"),
        "reasoning-dropped": _dropped(rendered, lambda message, _: reasoning_of(message), "reasoning fields"),
        "prints-the-date": _dated(renderer),
    }
    return tuple(Note(name, text) for name, text in found.items() if text)


def _unreached(coverage: Coverage) -> str:
    if not coverage.marked:
        return ""
    lines = ", ".join(map(str, coverage.marked))
    return f"no probe reached the output in line {lines}: that it is marked was not tested"


def _open_ended(rendered: Sequence[Expectation]) -> str:
    turns = [
        (each, turn)
        for each in rendered
        for turn in each.turns
        if isinstance(turn, Owed) and not turn.optional
    ]
    if not turns or any(stop_of(each, turn) for each, turn in turns):
        return ""
    return "no text closes the assistant's turns, so training on them does not teach the model to stop"


def _unclosed(rendered: Sequence[Expectation]) -> str:
    """Say that answers are closed where a message follows, and not where they are last."""
    plain = [each for each in rendered if each.probe.name in _PLAIN]
    stops: dict[bool, list[str]] = {True: [], False: []}
    for each in plain:
        for turn in each.turns:
            if isinstance(turn, Owed) and not turn.optional:
                stop = stop_of(each, turn)
                stops[turn.turn == len(each.probe.turns) - 1].append(stop.of(str(each.text)) if stop else "")
    if not all(stops[False]) or not stops[False] or any(stops[True]) or not stops[True]:
        return ""
    return (
        f"{stops[False][0]!r} closes an answer that a message follows, and nothing the last one: conversations of one "
        "answer do not teach the model to stop"
    )


def _headless(rendered: Sequence[Expectation]) -> str:
    found = [
        each.probe.name
        for each in rendered
        for turn in each.turns
        if isinstance(turn, Owed) and not turn.optional and any(end in turn.starts for _, end in each.foreign)
    ]
    if not found:
        return ""
    return (
        f"on the probe {found[0]!r} nothing stands between another message's text and the assistant's turn: one token "
        "may be of both, and is trained"
    )


def _unusual(rendered: Sequence[Expectation]) -> str:
    keys = unusual_keys(rendered)
    if not keys:
        return ""
    told = ", ".join(map(repr, keys))
    return (
        f"the template prints {told} of an assistant's message as its own words: trained, whoever wrote them"
    )


def _lost(rendered: Sequence[Expectation]) -> str:
    plain = [each for each in rendered if each.probe.name in _PLAIN]
    said = [
        text in str(each.text)
        for each in plain
        for turn in each.probe.turns
        if turn.role == "assistant"
        for text in turn.texts
    ]
    return "the template drops what the assistant says" if said and not any(said) else ""


def _dropped(
    rendered: Sequence[Expectation], texts_of: Callable[[Message, Iterable[str]], list[str]], what: str
) -> str:
    """Say that no render holds a kind of text, although messages do."""
    found = [
        text in str(each.text)
        for each in rendered
        for turn in each.probe.assistant
        for text in texts_of(each.probe.messages[turn], each.probe.turns[turn].texts)
    ]
    return f"the template drops {what}: they are not trained" if found and not any(found) else ""


def _in_pieces(rendered: Sequence[Expectation]) -> str:
    if not any(isinstance(turn, Owed) and turn.holes for each in rendered for turn in each.turns):
        return ""
    return (
        "the template prints tool results inside an assistant's turn: the token that opens one may be what the model "
        "stops with, and may be marked or not"
    )


def _dated(renderer: Renderer) -> str:
    if not renderer.source or "strftime_now" not in renderer.source:
        return ""
    return "the template prints the date of the day: the same conversation is rendered otherwise tomorrow"


_UNUSABLE = frozenset({"slow-tokenizer", "offsets-unusable", "special-token-in-pieces"})


def exposed(tokenizer: Any, source: str) -> tuple[list[Check], tuple[Note, ...]]:
    """Run a template and a tokenizer on what brings faults of masks out.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): The tokenizer.
        source (`str`): The template with markers.

    Returns:
        `tuple[list[Check], tuple[Note, ...]]`: Undecided checks where the tokenizer is of no use for this template,
        and a note for each fault that the two are exposed to.
    """
    from templatefix.judge.exposures import exposures

    checks, found = [], []
    for each in exposures(tokenizer, source):
        text = f"{each.detail}; cure: {each.cure}"
        if each.name in _UNUSABLE:
            checks.append(Check(Claim.TOKENS_TRUE, "tokenizer", "undecided", detail=text, fault=each.name))
        else:
            found.append(Note(each.name, text))
    return checks, tuple(found)
