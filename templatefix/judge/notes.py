"""What a reader of a verdict should know besides its claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix.judge.claims import calls_of, reasoning_of, stop_of
from templatefix.model import Coverage
from templatefix.oracle import Expectation, Owed


def notes(expectations: Sequence[Expectation], coverage: Coverage) -> tuple[str, ...]:
    """Return what the probes showed of a template, one sentence each.

    Args:
        expectations (`Sequence[Expectation]`): What each probe owes.
        coverage (`Coverage`): Which outputs the probes reached.
    """
    rendered = [each for each in expectations if each.text is not None]
    return (*_unreached(coverage), *_open_ended(rendered), *_in_pieces(rendered), *_dropped(rendered))


def _unreached(coverage: Coverage) -> Iterator[str]:
    if coverage.marked:
        lines = ", ".join(map(str, coverage.marked))
        yield f"no probe reached the output in line {lines}: that it is marked was not tested"


def _open_ended(rendered: Sequence[Expectation]) -> Iterator[str]:
    turns = [
        (each, turn)
        for each in rendered
        for turn in each.turns
        if isinstance(turn, Owed) and not turn.optional
    ]
    if turns and not any(stop_of(each, turn) for each, turn in turns):
        yield "no text closes the assistant's turns, so training on them does not teach the model to stop"


def _dropped(rendered: Sequence[Expectation]) -> Iterator[str]:
    """Kinds of text that no render holds, although messages do."""
    calls: list[bool] = []
    thoughts: list[bool] = []
    for each in rendered:
        for turn in each.probe.assistant:
            message, texts = each.probe.messages[turn], each.probe.turns[turn].texts
            calls += [text in str(each.text) for text in calls_of(message, texts)]
            thoughts += [text in str(each.text) for text in reasoning_of(message)]
    if calls and not any(calls):
        yield "the template drops tool calls: they are not trained"
    if thoughts and not any(thoughts):
        yield "the template drops reasoning fields: they are not trained"


def _in_pieces(rendered: Sequence[Expectation]) -> Iterator[str]:
    if any(isinstance(turn, Owed) and turn.holes for each in rendered for turn in each.turns):
        yield (
            "the template prints tool results inside an assistant's turn: what it prints right round them was not "
            "judged"
        )
