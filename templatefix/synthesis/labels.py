"""Label each character of a render: inside an owed span, outside, or either.

The patcher's own way to find header and end of turn: by the outputs that write them. The judge (`oracle/`) uses
renders alone, so that an error made here is not made there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix

from templatefix.errors import RenderError
from templatefix.probes import Probe, switches
from templatefix.render import Piece, Trace, Tracer

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


def label(tracer: Tracer, probes: Sequence[Probe], *, one_line: bool = False) -> list[Labelled]:
    """Trace and label every probe that renders.

    Args:
        tracer (`Tracer`): The instrumented template.
        probes (`Sequence[Probe]`): The conversations.
        one_line (`bool`): Take the header to end with its first line; what follows it there is a prefill.
    """
    usual = next(
        (each for probe in probes for turn in probe.assistant if (each := _header(tracer, probe, turn))), ""
    )
    labelled = []
    for probe in probes:
        traced = _run(tracer, probe, len(probe.messages))
        if traced is not None:
            labelled.append(_label(tracer, probe, traced, one_line, usual))
    return labelled


def _run(tracer: Tracer, probe: Probe, count: int, prompt: bool = False, **options: object) -> Trace | None:
    arguments = {**probe.arguments, **options, "add_generation_prompt": prompt}
    try:
        return tracer.run(probe.messages[:count], **arguments)
    except RenderError:
        return None


def _label(tracer: Tracer, probe: Probe, traced: Trace, one_line: bool, usual: str) -> Labelled:
    labels = [OUTSIDE] * len(traced.text)
    starts = set()
    for turn in probe.assistant:
        window = _window(traced.pieces, turn)
        if window is None:
            continue
        start, end = window
        header = _header(tracer, probe, turn)
        header = usual if header is None else header
        if one_line:
            header = "".join(header.partition("\n")[:2])
        start = _after_header(traced.text, start, end, header)
        stripped = start + len(traced.text[start:end].rstrip())
        labels[start:stripped] = INSIDE * (stripped - start)
        labels[stripped:end] = EITHER * (end - stripped)
        starts.add(start)
    return Labelled(probe, traced, "".join(labels), frozenset(starts))


def _header(tracer: Tracer, probe: Probe, turn: int) -> str | None:
    """What inference prepends to a turn: all that is printed after the loop over the messages before it.

    Of the settings of the thinking switch, the part they share, output by output if they share whole outputs.
    """
    prompts = []
    for options in switches(probe):
        asked = _run(tracer, probe, turn, prompt=True, **options)
        if asked is not None:
            prompts.append(_after_loop(asked) or _added(_run(tracer, probe, turn, **options), asked))
    if not prompts:  # many templates cannot render no message at all
        return None
    shared = min(prompts, key=len)
    while shared and any(prompt[: len(shared)] != shared for prompt in prompts):
        shared = shared[:-1]
    return "".join(shared) or commonprefix(["".join(prompt) for prompt in prompts])  # noqa: RUF071 - of characters


def _after_loop(asked: Trace) -> list[str]:
    last = max((at for at, piece in enumerate(asked.pieces) if piece.message is not None), default=None)
    if last is None:
        return []
    return [text for piece in asked.pieces[last + 1 :] if (text := piece.span.of(asked.text))]


def _added(without: Trace | None, asked: Trace) -> list[str]:
    """The texts from the first output on that prints something else without a generation prompt."""

    def texts(trace: Trace | None) -> list[tuple[int, str]]:
        pieces = trace.pieces if trace else ()
        return [(piece.leaf, piece.span.of(trace.text)) for piece in pieces if trace and len(piece.span)]

    plain, more = texts(without), texts(asked)
    index = 0
    while index < min(len(plain), len(more)) and plain[index] == more[index]:
        index += 1
    return [text for _, text in more[index:]]


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


def _after_header(text: str, start: int, end: int, header: str) -> int:
    """Where the header ends within the turn's stretch of text."""
    for length in range(len(header), 0, -1):
        found = text.find(header[:length], start, end)
        # A part of the header counts only if it ends where words and bracketed tokens do.
        if found >= 0 and (length == len(header) or header[length - 1] in ">]\n:"):
            return found + length
    return start
