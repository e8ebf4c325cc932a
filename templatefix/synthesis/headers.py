"""What inference prepends to an assistant's turn, learned over all probes by the outputs that print it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from types import MappingProxyType
from typing import Any

from templatefix.analysis import TemplateAnalysis
from templatefix.errors import LimitError
from templatefix.probes import Probe, switches
from templatefix.render import TracedRender

READINGS = ("own", "core", "least", "most", "line")
"""How much of a generation prompt is the header.

`own`: what the settings of the thinking switch share in the turn at hand; `core`: what all prompts of the template
share; `least`: what all turns of the template begin with of it, or the shortest of each kind; `most`: the longest
prompt that a turn begins with; `line`: its first line, so that what follows there is a prefill.
"""

_Turn = tuple[int, int]


@dataclass(frozen=True)
class Learned:
    """Traced probes and the headers of their turns.

    Args:
        probes (`list[Probe]`): Those that render.
        traces (`list[TracedRender]`): Their renders.
        own (`Mapping`): What opens each turn, by the probe's place in the list and the message's index; missing
            where nothing is printed to open it.
        prompts (`Counter`): Everything that opens a turn in some setting of the thinking switch.
        alone (`Mapping`): Renders of conversations that end with a turn which tool results follow, by the same key.
    """

    probes: list[Probe]
    traces: list[TracedRender]
    own: Mapping[_Turn, str] = field(default_factory=dict)
    prompts: Counter[str] = field(default_factory=Counter)
    alone: Mapping[_Turn, str] = field(default_factory=dict)

    @property
    def known(self) -> list[str]:
        """All headers, the most frequent first."""
        shared = [header for header, _ in Counter(self.own.values()).most_common()]
        return list(dict.fromkeys([*shared, *(prompt for prompt, _ in self.prompts.most_common())]))

    def headers(self, probe: int, turn: int, reading: str = "own") -> list[str]:
        """What may open a turn, the likeliest first.

        Args:
            probe (`int`): The probe's place in the list.
            turn (`int`): Index of the message.
            reading (`str`): One of `READINGS`.
        """
        first = [self.own[probe, turn]] if (probe, turn) in self.own else []
        found = list(dict.fromkeys([*first, *self.known]))
        if reading == "line":
            return list(dict.fromkeys("".join(header.partition("\n")[:2]) for header in found))
        if reading == "most":
            return sorted(found, key=len, reverse=True)
        if reading == "core" and (core := shared_part(found)):
            return [core]
        return found


def learn(analysis: TemplateAnalysis, probes: Sequence[Probe]) -> Learned:
    """Return the traced probes, and what opens each of their assistant turns.

    A probe with a render that goes over a limit is left out: nothing is known of what its template prints there.

    Args:
        analysis (`TemplateAnalysis`): The template.
        probes (`Sequence[Probe]`): The conversations.
    """
    kept: list[Probe] = []
    traces: list[TracedRender] = []
    own: dict[_Turn, str] = {}
    opened: Counter[str] = Counter()
    alone: dict[_Turn, str] = {}
    for probe in probes:
        try:
            traced = _run(analysis, probe, len(probe.messages))
            if traced is None:
                continue
            prompts = {turn: _prompts(analysis, probe, turn) for turn in probe.assistant}
            ended = {
                turn: _run(analysis, probe, turn + 1) for turn in probe.assistant if _answered(probe, turn)
            }
        except LimitError:
            continue
        for turn, each in prompts.items():
            opened.update(prompt for parts in each if (prompt := "".join(parts)).strip())
            if (header := _shared(each)).strip():
                own[len(kept), turn] = header
        alone |= {(len(kept), turn): trace.text if trace else "" for turn, trace in ended.items()}
        kept.append(probe)
        traces.append(traced)
    return Learned(kept, traces, own, opened, alone)


def _answered(probe: Probe, turn: int) -> bool:
    """Whether a tool result follows a turn."""
    return turn + 1 < len(probe.turns) and probe.turns[turn + 1].role == "tool"


def _run(
    analysis: TemplateAnalysis,
    probe: Probe,
    count: int,
    prompt: bool = False,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> TracedRender | None:
    found = analysis.traced(probe.messages[:count], probe.tools, prompt, {**probe.options, **options})
    return found.rendered if found else None


def _prompts(analysis: TemplateAnalysis, probe: Probe, turn: int) -> list[list[str]]:
    """What inference prepends to a turn, output by output: all that is printed after the loop over the messages.

    One for each setting of the thinking switch.
    """
    prompts = []
    for options in switches(probe):
        asked = _run(analysis, probe, turn, True, options)
        if asked is not None:
            prompts.append(_after_loop(asked) or _added(_run(analysis, probe, turn, False, options), asked))
    return prompts


def _shared(prompts: Sequence[list[str]]) -> str:
    """The part that all settings share, output by output if they share whole outputs."""
    if not prompts:  # many templates cannot render no message at all
        return ""
    shared = min(prompts, key=len)
    while shared and any(prompt[: len(shared)] != shared for prompt in prompts):
        shared = shared[:-1]
    return "".join(shared) or commonprefix(["".join(prompt) for prompt in prompts])  # noqa: RUF071 - of characters


def _after_loop(asked: TracedRender) -> list[str]:
    last = max((at for at, piece in enumerate(asked.pieces) if piece.message is not None), default=None)
    if last is None:
        return []
    return [text for piece in asked.pieces[last + 1 :] if (text := piece.span.of(asked.text))]


def _added(without: TracedRender | None, asked: TracedRender) -> list[str]:
    """The texts from the first output on that prints something else without a generation prompt."""

    def texts(trace: TracedRender | None) -> list[tuple[int, str]]:
        pieces = trace.pieces if trace else ()
        return [(piece.leaf, piece.span.of(trace.text)) for piece in pieces if trace and len(piece.span)]

    plain, more = texts(without), texts(asked)
    index = 0
    while index < min(len(plain), len(more)) and plain[index] == more[index]:
        index += 1
    return [text for _, text in more[index:]]


def shared_part(headers: Sequence[str]) -> str:
    """Return what headers have in common, up to where a word or a bracketed token ends in all of them."""
    text = commonprefix(list(headers))  # noqa: RUF071 - of characters
    while text and not all(ends_whole(header, len(text)) for header in headers):
        text = text[:-1]
    return text


def ends_whole(text: str, at: int) -> bool:
    """Whether neither a word nor a bracketed token goes on behind an offset."""
    inside = max(text.rfind("<", 0, at), text.rfind("[", 0, at))
    closed = max(text.rfind(">", 0, at), text.rfind("]", 0, at))
    word = text[at - 1 : at + 1]
    return inside <= closed and not (len(word) == 2 and word.isalnum())
