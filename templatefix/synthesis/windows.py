"""Where in a render a turn stands, where its header ends, and what in it belongs to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from templatefix.model import Span
from templatefix.probes import Probe
from templatefix.render import Piece, TracedRender
from templatefix.synthesis.headers import ends_whole


def window_of(pieces: Sequence[Piece], turn: int) -> tuple[int, int] | None:
    """Return where the loop over messages printed a message: its longest stretch of text.

    Args:
        pieces (`Sequence[Piece]`): A render in pieces.
        turn (`int`): Index of the message.
    """
    stretches: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.message != turn or not len(piece.span):
            continue
        if stretches and stretches[-1][1] == piece.span.start:
            stretches[-1] = (stretches[-1][0], piece.span.end)
        else:
            stretches.append((piece.span.start, piece.span.end))
    return max(stretches, key=lambda each: each[1] - each[0], default=None)


def unasked(probes: Sequence[Probe], traces: Sequence[TracedRender]) -> str:
    """Return what most answers begin with before their own text, where no generation prompt tells.

    Args:
        probes (`Sequence[Probe]`): The conversations.
        traces (`Sequence[TracedRender]`): Their renders.
    """
    heads: Counter[str] = Counter()
    for probe, traced in zip(probes, traces, strict=True):
        for turn in probe.assistant:
            start, end = window_of(traced.pieces, turn) or (0, 0)
            own = [traced.text.find(text, start, end) for text in probe.turns[turn].texts]
            if own and min(own) >= 0:
                heads[traced.text[start : min(own)]] += 1
    head, count = next(iter(heads.most_common(1)), ("", 0))
    return head if 2 * count > heads.total() else ""


def behind_loop(probe: Probe, traced: TracedRender, turn: int) -> tuple[int, int] | None:
    """Return where the last message stands if it is printed after the loop over messages.

    Args:
        probe (`Probe`): The conversation.
        traced (`TracedRender`): Its render.
        turn (`int`): Index of the last message.
    """
    last = max((piece.span.end for piece in traced.pieces if piece.message is not None), default=0)
    texts = [text for text in probe.turns[turn].texts if text in traced.text]  # reasoning may be dropped
    found = bool(texts) and all(traced.text.find(text, last) >= 0 for text in texts)
    return (last, len(traced.text)) if found and last else None


def after_header(text: str, start: int, end: int, headers: Sequence[str]) -> tuple[int | None, str]:
    """Return where the header ends within a turn, before the first text of its own, and what of it was found.

    Args:
        text (`str`): The render.
        start (`int`): Where the turn starts.
        end (`int`): Where its first own text starts.
        headers (`Sequence[str]`): What may be the header, the likeliest first.
    """
    for header in headers:
        found = text.find(header, start, end)
        if found >= 0:
            return found + len(header), header
        if text.endswith(header, 0, start):  # the message before has printed it
            return start, header
    for header in headers:  # a turn may lack what stands before the header in a prompt
        for cut in range(1, len(header)):
            if ends_whole(header, cut) and header[cut:].strip() and text.startswith(header[cut:], start, end):
                return start + len(header) - cut, header[cut:]
    for header in headers:
        for length in range(len(header) - 1, 0, -1):
            if not header[:length].strip() or not ends_whole(header, length):
                continue
            found = text.find(header[:length], start, end)
            if found >= 0 and ends_whole(text, found + length):
                return found + length, header[:length]
    return None, ""


def foreign(probe: Probe, traced: TracedRender, start: int, end: int) -> list[Span]:
    """Return where the outputs in a turn stand that hold texts of other roles, in order.

    Args:
        probe (`Probe`): The conversation.
        traced (`TracedRender`): Its render.
        start (`int`): Where the turn starts.
        end (`int`): Where it ends.
    """
    others = [
        text
        for each in probe.turns
        for text in (*each.quoted, *(each.texts if each.role != "assistant" else ()))
    ]
    found = [at for text in others if (at := traced.text.find(text, start, end)) >= 0]
    return sorted(
        {piece.span for at in found for piece in traced.pieces if piece.span.start <= at < piece.span.end}
    )
