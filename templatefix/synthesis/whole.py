"""Capture all that a template prints, and mark in it what stands between header and end of turn.

The last resort, for users who allow it: which text is an assistant's turn is told by the header's text, and anybody can
type that. A message whose content is a text is passed over as a whole; one of parts, or a tool's result that is
printed in another form, is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonprefix
from typing import Any

from templatefix.edits import apply
from templatefix.errors import RenderError, SyntaxProblem
from templatefix.expected import Expectations
from templatefix.model import Attempt, Candidate, Edit, Span
from templatefix.probes import Probe, switches
from templatefix.render import Renderer
from templatefix.syntax import Source, parse
from templatefix.synthesis.items import CannotPlace
from templatefix.synthesis.parting import literal
from templatefix.synthesis.writing import Obstacle, before, behind, unused

_WALK = """
{{%- set {rest} = namespace(text={output}) %}}
{{%- for message in messages %}}
{{%- set {said} = message.content | trim if message.content is string else '' %}}
{{%- if message.role == 'assistant' %}}
{{%- set {head} = {rest}.text.partition({header}) %}}
{{%- set {own} = {head}[2].partition({said}) if {end} in {said} and {said} in {head}[2] else ('', '', {head}[2]) %}}
{{%- set {tail} = {own}[2].partition({end}) %}}
{{%- if {tail}[1] %}}
{{{{- {head}[0] + {head}[1] }}}}
{{%- generation %}}{{{{- {own}[0] + {own}[1] + {tail}[0] + {tail}[1] }}}}{{%- endgeneration %}}
{{%- set {rest}.text = {tail}[2] %}}
{{%- endif %}}
{{%- elif {header} in {said} and {said} in {rest}.text %}}
{{%- set {head} = {rest}.text.partition({said}) %}}
{{{{- {head}[0] + {head}[1] }}}}
{{%- set {rest}.text = {head}[2] %}}
{{%- endif %}}
{{%- endfor %}}
{{{{- {rest}.text }}}}"""


def whole(expectations: Expectations) -> Candidate | Attempt:
    """Propose to capture the whole output.

    Args:
        expectations (`Expectations`): What a template without markers is expected to train.
    """
    analysis, probes = expectations.analysis, expectations.probes
    source = analysis.source
    try:
        header, end = _frame(analysis.renderer, next(probe for probe in probes if len(probe.assistant) > 1))
        edits = _edits(source, header, end)
        after = apply(source.text, edits)
        parse(after)
    except Obstacle as obstacle:
        return Attempt(obstacle.reason, obstacle.line)
    except (RenderError, SyntaxProblem) as error:
        return Attempt(f"the whole output cannot be captured: {error.what}", error.line)
    return Candidate(after, "capture-all", tuple(edits))


def _frame(renderer: Renderer, probe: Probe) -> tuple[str, str]:
    """What opens and what closes each turn of a plain conversation."""

    def text(count: int, **options: Any) -> str:
        return renderer.render(probe.messages[:count], **{**probe.arguments, **options}).text

    full = text(len(probe.messages))
    heads, ends = [], []
    for turn in probe.assistant:
        own = probe.turns[turn].texts[-1]
        if not full.startswith(text(turn)) or full.count(own) != 1:
            raise CannotPlace(
                "the whole output cannot be captured: a turn is printed otherwise once others follow"
            )
        heads.append(full[len(text(turn)) :])
        ends.append(full[full.index(own) + len(own) :])
        for options in switches(probe):
            asked = text(turn, add_generation_prompt=True, **options)
            heads.append(asked[len(commonprefix([text(turn, **options), asked])) :])  # noqa: RUF071 - of characters
    header, end = shared_part(heads), shared_part(ends).rstrip()
    for part, does in ((header, "opens"), (end, "closes")):
        if not part.strip():
            raise CannotPlace(f"the whole output cannot be captured: no text always {does} a turn")
    return header, end


def _edits(source: Source, header: str, end: str) -> list[Edit]:
    last = len(source.text) - source.text.endswith("\n")  # which Jinja drops
    names = {name: unused(source, name) for name in ("output", "rest", "said", "head", "own", "tail")}
    opening = before(source, 0, f"set {names['output']}")
    closing = behind(source, last, "endset", 0)
    walk = _WALK.format(header=literal(source, header), end=literal(source, end), **names)
    return [Edit(Span(0, 0), opening), Edit(Span(last, last), closing + walk)]


def shared_part(headers: Sequence[str]) -> str:
    """Return what texts have in common, up to where a word or a bracketed token ends in all of them."""
    text = commonprefix(list(headers))  # noqa: RUF071 - of characters
    while text and not all(_ends_whole(header, len(text)) for header in headers):
        text = text[:-1]
    return text


def _ends_whole(text: str, at: int) -> bool:
    """Whether neither a word nor a bracketed token goes on behind an offset."""
    inside = max(text.rfind("<", 0, at), text.rfind("[", 0, at))
    closed = max(text.rfind(">", 0, at), text.rfind("]", 0, at))
    word = text[at - 1 : at + 1]
    return inside <= closed and not (len(word) == 2 and word.isalnum())
