"""Label each character of a render: inside an owed span, outside, or either.

The patcher's own way to find header and end of turn: by the outputs that write them. The judge (`oracle/`) uses
renders alone, so that an error made here is not made there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.probes import Probe
from templatefix.render import Piece, Trace
from templatefix.synthesis.headers import Learned, ends_whole, shared_part

INSIDE, OUTSIDE, EITHER = "I", "O", "S"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A traced probe with one label for each character.

    Args:
        probe (`Probe`): The conversation.
        trace (`Trace`): Its render in pieces.
        labels (`str`): One of `I`, `O`, `S` for each character of `trace.text`.
        starts (`frozenset[int]`): Where the owed spans start, empty ones included.
    """

    probe: Probe
    trace: Trace
    labels: str
    starts: frozenset[int]


def label(learned: Learned, reading: str = "own") -> list[Labelled]:
    """Label every probe that renders.

    Args:
        learned (`Learned`): The traced probes, and what opens their turns.
        reading (`str`): One of `headers.READINGS`: how much of what opens a turn is its header.
    """
    turns = [
        _turn(learned, at, turn, learned.headers(at, turn, reading))
        for at, probe in enumerate(learned.probes)
        for turn in probe.assistant
    ]
    if reading == "least":
        least = shared_part([turn.header for turn in turns if turn is not None and turn.header])
        turns = [
            _turn(learned, at, turn, [least] if least else [])
            for at, probe in enumerate(learned.probes)
            for turn in probe.assistant
        ]
    return [
        _label(learned, at, [turn for turn in turns if turn is not None and turn.probe == at])
        for at in range(len(learned.probes))
    ]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a turn stands, and what of its text is its header; `begins` is `None` where nothing can be owed."""

    probe: int
    start: int
    end: int
    begins: int | None
    header: str


def _turn(learned: Learned, at: int, turn: int, headers: list[str]) -> _Turn | None:
    probe, traced = learned.probes[at], learned.traces[at]
    window = _window(traced.pieces, turn)
    if window is None:
        return None
    start, end = window
    texts = [found for text in probe.turns[turn].texts if (found := traced.text.find(text, start, end)) >= 0]
    begins, header = _after_header(traced.text, start, min(texts, default=end), headers)
    if begins is None and not (headers and not texts):  # without header and words there is no turn to owe
        begins = start
    return _Turn(at, start, end, begins, header)


def _label(learned: Learned, at: int, turns: Sequence[_Turn]) -> Labelled:
    traced = learned.traces[at]
    labels = [OUTSIDE] * len(traced.text)
    for turn in turns:
        start = turn.end if turn.begins is None else turn.begins
        stripped = start + len(traced.text[start : turn.end].rstrip())
        labels[start:stripped] = INSIDE * (stripped - start)
        labels[stripped : turn.end] = EITHER * (turn.end - stripped)
        if turn.begins is None:
            labels[turn.start : turn.end] = EITHER * (turn.end - turn.start)
    starts = frozenset(turn.begins for turn in turns if turn.begins is not None)
    return Labelled(learned.probes[at], traced, "".join(labels), starts)


def _window(pieces: Sequence[Piece], turn: int) -> tuple[int, int] | None:
    """Where the loop over messages printed this message: its longest stretch of text."""
    stretches: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.message != turn or not len(piece.span):
            continue
        if stretches and stretches[-1][1] == piece.span.start:
            stretches[-1] = (stretches[-1][0], piece.span.end)
        else:
            stretches.append((piece.span.start, piece.span.end))
    return max(stretches, key=lambda each: each[1] - each[0], default=None)


def _after_header(text: str, start: int, end: int, headers: Sequence[str]) -> tuple[int | None, str]:
    """Where the header ends within the turn's text, before the first text of its own, and what of it was found."""
    for header in headers:
        found = text.find(header, start, end)
        if found >= 0:
            return found + len(header), header
        if text.endswith(header, 0, start):  # the message before has printed it
            return start, header
    for header in headers:  # a turn at the very beginning may lack the blank before its header
        if text.startswith(header.lstrip(), start):
            return start + len(header.lstrip()), header.lstrip()
    for header in headers:
        for length in range(len(header) - 1, 0, -1):
            if not header[:length].strip() or not ends_whole(header, length):
                continue
            found = text.find(header[:length], start, end)
            if found >= 0 and ends_whole(text, found + length):
                return found + length, header[:length]
    return None, ""
