"""Label each character of a render: inside an owed span, outside, or either.

The patcher's own way to find header and end of turn: by the outputs that write them. The judge (`oracle/`) uses
renders alone, so that an error made here is not made there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from templatefix.probes import Probe
from templatefix.render import Piece, Trace
from templatefix.synthesis.headers import Learned

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
    return [_label(learned, at, reading) for at in range(len(learned.probes))]


def _label(learned: Learned, at: int, reading: str) -> Labelled:
    probe, traced = learned.probes[at], learned.traces[at]
    labels = [OUTSIDE] * len(traced.text)
    starts = set()
    for turn in probe.assistant:
        window = _window(traced.pieces, turn)
        if window is None:
            continue
        start, end = window
        texts = [found for text in probe.turns[turn].texts if (found := traced.text.find(text, start, end)) >= 0]
        start = _after_header(
            traced.text, start, min(texts, default=end), learned.headers(at, turn, reading)
        )
        stripped = start + len(traced.text[start:end].rstrip())
        labels[start:stripped] = INSIDE * (stripped - start)
        labels[stripped:end] = EITHER * (end - stripped)
        starts.add(start)
    return Labelled(probe, traced, "".join(labels), frozenset(starts))


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


def _after_header(text: str, start: int, end: int, headers: Sequence[str]) -> int:
    """Where the header ends within the turn's stretch of text, before the first text of its own."""
    for header in headers:
        found = text.find(header, start, end)
        if found >= 0:
            return found + len(header)
        if text.endswith(header, 0, start):  # the message before has printed it
            return start
    for header in headers:
        for length in range(len(header) - 1, 0, -1):
            found = text.find(header[:length], start, end)
            # A part of the header counts only if it ends where words and bracketed tokens do.
            if found >= 0 and header[length - 1] in ">]\n:":
                return found + length
    return start
