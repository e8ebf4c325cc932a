"""What a reader of a verdict should know besides its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from templatefix.expected import Expectation, ExpectedSpan
from templatefix.judge.claims import REASONING
from templatefix.judge.keys import unusual_keys
from templatefix.model import Check, Claim, Coverage, Note
from templatefix.render import Renderer

_PLAIN = ("two turns", "parts without system")
"""Probes that say plain texts; one of them renders."""


def notes(expectations: Sequence[Expectation], coverage: Coverage, renderer: Renderer) -> tuple[Note, ...]:
    """Return what the probes showed of a template, one sentence each.

    Args:
        expectations (`Sequence[Expectation]`): What is expected on each probe.
        coverage (`Coverage`): Which outputs the probes reached.
        renderer (`Renderer`): The template.
    """
    rendered = [each for each in expectations if each.text is not None and not each.unsupported]
    found = {
        "marked-not-tested": _unreached(coverage),
        "no-end-of-turn": _open_ended(rendered),
        "last-turn-unclosed": _unclosed(rendered),
        "tool-results-inside-turn": _in_pieces(rendered),
        "turn-without-header": _headless(rendered),
        "unusual-key-trained": _unusual(rendered),
        "content-dropped": _lost(rendered),
        "tool-calls-dropped": _dropped(rendered, ("tool_calls",), "tool calls"),
        "reasoning-dropped": _dropped(rendered, REASONING, "reasoning fields"),
        "format-unsupported": _unsupported(expectations),
        "one-way-test": _one_way(coverage),
        "prints-the-date": _dated(renderer),
    }
    return tuple(Note(name, text) for name, text in found.items() if text)


def _unreached(coverage: Coverage) -> str:
    if not coverage.marked:
        return ""
    lines = ", ".join(map(str, coverage.marked))
    return f"no probe reached the output in line {lines}: that it is marked was not tested"


def _one_way(coverage: Coverage) -> str:
    if not coverage.one_way:
        return ""
    shown = "; ".join(f"line {line}: {text}" for line, text in coverage.one_way[:5])
    more = f" (and {len(coverage.one_way) - 5} more)" if len(coverage.one_way) > 5 else ""
    return f"some tests gave the same answer on every probe, so the other way is not tested: {shown}{more}"


def _spans(rendered: Sequence[Expectation]) -> list[tuple[Expectation, ExpectedSpan]]:
    return [
        (each, turn)
        for each in rendered
        for turn in each.turns
        if isinstance(turn, ExpectedSpan) and not turn.optional
    ]


def _open_ended(rendered: Sequence[Expectation]) -> str:
    found = _spans(rendered)
    if not found or any(turn.stop for _, turn in found):
        return ""
    stops = Counter(
        str(each.text)[slice(*turn.next_stop)]
        for each, turn in found
        if turn.next_stop and "stop-owned-by-next" in turn.flags
    )
    if not stops:
        return "no text closes the assistant's turns, so training on them does not teach the model to stop"
    shown = ", ".join(repr(stop) for stop, _ in stops.most_common(3))
    return (
        f"the assistant's turns print no end of turn: the model learns to stop only where what opens the next turn "
        f"({shown}) is marked too; behind the last turn there is nothing to mark"
    )


def _unclosed(rendered: Sequence[Expectation]) -> str:
    """Say that answers are closed where a message follows, and not where they are last."""
    plain = [each for each in rendered if each.probe.name in _PLAIN]
    stops: dict[bool, list[str]] = {True: [], False: []}
    for each, turn in _spans(plain):
        stop = str(each.text)[slice(*turn.stop)] if turn.stop else ""
        stops[turn.message == len(each.probe.messages) - 1].append(stop)
    if not all(stops[False]) or not stops[False] or any(stops[True]) or not stops[True]:
        return ""
    return (
        f"{stops[False][0]!r} closes an answer that a message follows, and nothing the last one: conversations of one "
        "answer do not teach the model to stop"
    )


def _headless(rendered: Sequence[Expectation]) -> str:
    found = [
        each.probe.name
        for each, turn in _spans(rendered)
        if any(end in turn.starts for _, end in each.foreign())
    ]
    if not found:
        return ""
    return (
        f"on the probe {found[0]!r} nothing is printed between another message's text and the assistant's turn: one "
        "token may be of both, and is trained"
    )


def _unusual(rendered: Sequence[Expectation]) -> str:
    keys = unusual_keys(rendered)
    if not keys:
        return ""
    shown = ", ".join(map(repr, keys))
    return (
        f"the template prints {shown} of an assistant's message as its own words: trained, whoever wrote them"
    )


def _lost(rendered: Sequence[Expectation]) -> str:
    said = [
        bool(each.said(turn, ("content",)))
        for each in rendered
        if each.probe.name in _PLAIN
        for turn in each.probe.assistant
    ]
    return "the template drops what the assistant says" if said and not any(said) else ""


def _dropped(rendered: Sequence[Expectation], keys: Sequence[str], what: str) -> str:
    """Say that no render holds a kind of text, although messages do."""
    found = [
        _prints(each, turn, keys)
        for each in rendered
        for turn in each.probe.assistant
        if any(each.probe.messages[turn].get(key) for key in keys)
    ]
    return f"the template drops {what}: they are not trained" if found and not any(found) else ""


def _prints(each: Expectation, message: int, keys: Sequence[str]) -> bool:
    """Whether some text below these keys is printed, or something that is derived from it."""
    assert each.trace is not None
    paths = (path for origin in each.trace.origins for path in origin.fields)
    return any(path[0] == message and path[1] in keys for path in paths)


def _in_pieces(rendered: Sequence[Expectation]) -> str:
    if not any(turn.interruptions for _, turn in _spans(rendered)):
        return ""
    return (
        "the template prints tool results inside an assistant's turn: the token that opens one may be what the model "
        "stops with, and may be marked or not"
    )


def _unsupported(expectations: Sequence[Expectation]) -> str:
    found: dict[str, list[str]] = {}
    for each in expectations:
        if each.unsupported:
            found.setdefault(each.unsupported, []).append(each.probe.name)
    if not found:
        return ""
    shown = "; ".join(f"{why} ({names[0]!r}, {len(names)} in all)" for why, names in found.items())
    return f"some probes prove nothing and are left out: {shown}"


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
    from templatefix.tokens.exposures import exposures

    checks, found = [], []
    for each in exposures(tokenizer, source):
        text = f"{each.detail}; cure: {each.cure}"
        if each.name in _UNUSABLE:
            checks.append(Check(Claim.TOKENS_TRUE, "tokenizer", "undecided", detail=text, fault=each.name))
        else:
            found.append(Note(each.name, text))
    return checks, tuple(found)
