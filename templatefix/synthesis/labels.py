"""Label each character of a render: inside an owed span, outside, or either.

The patcher's own way to find header and end of turn: by the outputs that write them. The judge (`oracle/`) uses
renders alone, so that an error made here is not made there too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix

from templatefix.model import Span
from templatefix.probes import Probe
from templatefix.render import TracedRender
from templatefix.synthesis.headers import Learned, shared_part
from templatefix.synthesis.windows import after_header, behind_loop, foreign, unasked, window_of

INSIDE, OUTSIDE, EITHER = "I", "O", "S"


class Told:
    """A text with one label for each character."""

    __slots__ = ()
    labels: str

    @property
    def owed(self) -> bool:
        """Whether some of the text must be inside."""
        return INSIDE in self.labels

    @property
    def outside(self) -> bool:
        """Whether none of the text may be inside, and some must be outside."""
        return OUTSIDE in self.labels and not self.owed


@dataclass(frozen=True, slots=True)
class Labelled:
    """A traced probe with one label for each character.

    Args:
        probe (`Probe`): The conversation.
        trace (`TracedRender`): Its render in pieces.
        labels (`str`): One of `I`, `O`, `S` for each character of `trace.text`.
        starts (`frozenset[int]`): Where the owed spans start, empty ones included.
    """

    probe: Probe
    trace: TracedRender
    labels: str
    starts: frozenset[int]


def label(learned: Learned, reading: str = "own") -> list[Labelled]:
    """Label every probe that renders.

    Args:
        learned (`Learned`): The traced probes, and what opens their turns.
        reading (`str`): One of `headers.READINGS`: how much of what opens a turn is its header.
    """
    # Without a generation prompt, whether the whitespace before the answer is the model's is a reading, too.
    always = "" if learned.prompts else unasked(learned.probes, learned.traces)
    guess = [always.rstrip() if reading == "core" else always] if always.strip() else []
    turns = [
        _turn(learned, at, turn, learned.headers(at, turn, reading) or guess)
        for at, probe in enumerate(learned.probes)
        for turn in probe.assistant
    ]
    if reading == "least":
        least = _least({turn.header for turn in turns if turn is not None and turn.header})
        turns = [
            _turn(learned, at, turn, least)
            for at, probe in enumerate(learned.probes)
            for turn in probe.assistant
        ]
    kept = [turn for turn in turns if turn is not None]
    late = _late_end(learned, kept)
    kept = [_lengthened(turn, learned.traces[turn.probe].text, late) for turn in kept]
    return [
        _label(learned, at, [turn for turn in kept if turn.probe == at]) for at in range(len(learned.probes))
    ]


def _least(headers: set[str]) -> list[str]:
    """What all headers share; if that is nothing, those that go on from no other one."""
    least = shared_part(list(headers))
    if least:
        return [least]
    return [each for each in sorted(headers) if not any(each.startswith(more) for more in headers - {each})]


def _late_end(learned: Learned, turns: Sequence[_Turn]) -> str:
    """The end of turn, where the next message prints it, or what stands behind the loop; empty if the turn does.

    It is all that follows a turn with which the conversation ends, and what follows a turn that the user answers.
    """
    ends: Counter[str] = Counter()
    middles = []
    for turn in turns:
        probe, text = learned.probes[turn.probe], learned.traces[turn.probe].text
        if turn.index == len(probe.turns) - 1:
            ends[text[turn.end :].rstrip()] += 1
        elif probe.turns[turn.index + 1].role == "user":
            middles.append(text[turn.end :])
    end = max(ends, key=lambda each: ends[each], default="") or _behind(learned, turns)
    return end if 2 * sum(middle.startswith(end) for middle in middles) > len(middles) else ""


def _behind(learned: Learned, turns: Sequence[_Turn]) -> str:
    """What one output prints behind turns and nowhere else, always the same; empty if there is none.

    Or if most turns end with more than what they say: then that closes them.
    """
    ends = {(turn.probe, turn.end) for turn in turns if turn.owed}
    if 2 * sum(_unclosed(learned, turn) for turn in turns if turn.owed) <= len(ends):
        return ""
    found: dict[int, set[str]] = {}
    for at, traced in enumerate(learned.traces):
        for piece in traced.pieces:
            text = piece.span.of(traced.text).rstrip()
            found.setdefault(piece.leaf, set()).add(text if (at, piece.span.start) in ends else "")
    return next((texts.pop() for texts in found.values() if len(texts) == 1 and "" not in texts), "")


def _unclosed(learned: Learned, turn: _Turn) -> bool:
    said = learned.traces[turn.probe].text[turn.start : turn.end].rstrip()
    texts = learned.probes[turn.probe].turns[turn.index].texts
    return not texts or said.endswith(texts)


def _lengthened(turn: _Turn, text: str, end: str) -> _Turn:
    if not end or not turn.owed or not text.startswith(end, turn.owed[-1][1]):
        return turn
    start, stop = turn.owed[-1]
    return replace(turn, owed=(*turn.owed[:-1], (start, stop + len(end))))


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a turn stands, what of its text is its header, and what of it is owed.

    Nothing is owed, and nothing is not, if `owed` is empty.
    """

    probe: int
    index: int
    start: int
    end: int
    header: str
    owed: tuple[tuple[int, int], ...]


def _turn(learned: Learned, at: int, turn: int, headers: list[str]) -> _Turn | None:
    probe, traced = learned.probes[at], learned.traces[at]
    window = window_of(traced.pieces, turn)
    if window is None and turn == len(probe.turns) - 1:
        window = behind_loop(probe, traced, turn)
    if window is None:
        return None
    start, end = window
    own = [
        (found, found + len(text))
        for text in probe.turns[turn].texts
        if (found := traced.text.find(text, start, end)) >= 0
    ]
    begins, header = after_header(traced.text, start, min(own, default=(end, end))[0], headers)
    if headers and header not in headers and not own:  # without header and words there is no turn to owe
        return _Turn(at, turn, start, end, "", ())
    begins = start if begins is None else begins
    owed: list[tuple[int, int]] = []
    for piece in (*foreign(probe, traced, begins, end), Span(end, end)):
        inside = [text for text in own if begins <= text[0] < piece.start]
        if piece.end == end == piece.start and (inside or not owed):
            owed.append((begins, end))
        elif inside:
            owed.append((begins, _before(learned, at, turn, max(inside)[1], piece.start)))
        begins = piece.end
    return _Turn(at, turn, start, end, header, tuple(owed))


def _before(learned: Learned, at: int, turn: int, last: int, others: int) -> int:
    """Where a turn ends that another message's text is printed into: where it ends while that is not there yet."""
    text, alone = learned.traces[at].text, learned.alone.get((at, turn), "")
    word = text[last - 8 : last]
    return last + len(commonprefix([text[last:others], alone[alone.rfind(word) + len(word) :]]))  # noqa: RUF071


def _label(learned: Learned, at: int, turns: Sequence[_Turn]) -> Labelled:
    traced = learned.traces[at]
    labels = [OUTSIDE] * len(traced.text)
    for turn in turns:
        if not turn.owed:
            labels[turn.start : turn.end] = EITHER * (turn.end - turn.start)
        for start, end in turn.owed:
            stripped = start + len(traced.text[start:end].rstrip())
            labels[start:stripped] = INSIDE * (stripped - start)
            labels[stripped:end] = EITHER * (end - stripped)
    starts = frozenset(start for turn in turns for start, _ in turn.owed)
    return Labelled(learned.probes[at], traced, "".join(labels), starts)
