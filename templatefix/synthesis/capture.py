"""Capture what one turn of the loop prints, and take it apart where the expected text begins and ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.model import Edit, Span
from templatefix.render import leaves
from templatefix.render.rewriting import buffers
from templatefix.syntax import Source, span_of, walk
from templatefix.syntax.scope import jumps, leaks
from templatefix.synthesis.guard import ALL, Trained, role_test
from templatefix.synthesis.items import CannotPlace
from templatefix.synthesis.labels import Labelled
from templatefix.synthesis.parting import literal, shared_end
from templatefix.synthesis.stretches import Printed, bodies, outputs_in, outputs_inside, printed
from templatefix.synthesis.writing import CannotWrite, Obstacle, before, behind, unused

_MOST_HEADS = 3


@dataclass(frozen=True, slots=True)
class Cutting:
    """How to take a captured turn apart.

    Args:
        header (`str`): Trained text begins behind this text, where it first stands; empty if it begins at once.
        heads (`tuple[str, ...]`): Or behind the first of these that the turn starts with, or at once.
        strips (`bool`): Whether whitespace follows the expected text.
        guarded (`bool`): Whether other roles print there too.
    """

    header: str
    strips: bool
    guarded: bool
    heads: tuple[str, ...] = ()


def captured(source: Source, labelled: Sequence[Labelled], trained: Trained = ALL) -> list[Edit]:
    """Return the edits that capture the turns of every loop that prints expected text.

    Args:
        source (`Source`): The template.
        labelled (`list[Labelled]`): The probes.
        trained (`Trained`): Whose messages are to be trained.

    Raises:
        CannotPlace: Some expected text is not printed by a turn of a loop, or not in one piece.
        CannotWrite: Whitespace control would change the output.
    """
    inside = outputs_inside(labelled)
    loops = [
        node
        for node, above in walk(source.tree)
        if isinstance(node, nodes.For)
        and not any(isinstance(each, nodes.For) or buffers(each) for each in above)
        and not buffers(node)
        and inside & outputs_in(source, node.body)
    ]
    covered = frozenset(at for loop in loops for at in outputs_in(source, loop.body))
    if not inside or not inside <= covered:
        missing = min(inside - covered, default=None)
        line = 0 if missing is None else _line(source, leaves(source)[missing])
        where = f": line {line} stands in none" if line else ""
        raise CannotPlace(f"not all expected text is printed in a loop over messages{where}", line)
    return [edit for loop in loops for edit in _loop(source, loop, labelled, inside, trained)]


def _loop(
    source: Source,
    loop: nodes.For,
    labelled: Sequence[Labelled],
    inside: frozenset[int],
    trained: Trained,
) -> list[Edit]:
    problem: Obstacle | None = None
    for body in bodies(source, loop, inside):
        for stretch in _stretches(source, body, inside):
            try:
                return _captured(source, loop, stretch, labelled, trained)
            except (CannotPlace, CannotWrite) as error:
                problem = problem or error
    line = _line(source, loop)
    raise problem or CannotPlace(f"the loop in line {line} cannot be captured", line)


def _stretches(source: Source, body: list[nodes.Node], inside: frozenset[int]) -> list[list[nodes.Node]]:
    holding = [at for at, node in enumerate(body) if inside & outputs_in(source, [node])]
    last = holding[-1] + 1
    return [body[holding[0] : last], body[:last], body] if holding[0] else [body[:last], body]


def _captured(
    source: Source,
    loop: nodes.For,
    stretch: list[nodes.Node],
    labelled: Sequence[Labelled],
    trained: Trained,
) -> list[Edit]:
    line = _line(source, stretch[0])
    if any(jumps(node) for node in stretch):
        raise CannotPlace(f"the turn in line {line} cannot be captured: it may leave the loop", line)
    if lost := leaks(loop, stretch):
        raise CannotPlace(
            f"the turn in line {line} cannot be captured: {lost[0]!r} is set in it and read behind", line
        )
    cutting = _cutting(list(printed(labelled, outputs_in(source, stretch))), line)
    test = role_test(source, loop, trained, guess=True) if cutting.guarded else None
    if cutting.guarded and test is None:
        raise CannotPlace(f"line {line} serves several roles and nothing there reads the role", line)
    start, end = span_of(stretch[0]).start, span_of(stretch[-1]).end
    turn = unused(source, "turn")
    opening = before(source, start, f"set {turn}")
    closing = _closing(source, end, behind(source, end, "endset", start), turn, cutting, test)
    return [Edit(Span(start, start), opening), Edit(Span(end, end), closing)]


def _cutting(runs: list[Printed], line: int) -> Cutting:
    assistant = [run for run in runs if run.role == "assistant" and run.text]
    others = [run for run in runs if run.role != "assistant"]
    if any(run.inside for run in others) or not any(run.inside for run in assistant):
        raise CannotPlace(f"the turn in line {line} is not the assistant's", line)
    begun = [run for run in assistant if run.inside or run.outside]
    if any(run.begins is None or not run.whole for run in begun):
        raise CannotPlace(f"the turn in line {line} is not in one piece", line)
    header, heads = _opening(begun)
    if header is None:
        raise CannotPlace(f"no text always opens the turn in line {line}", line)
    strips = any(run.inside and run.text != run.text.rstrip() for run in assistant)
    return Cutting(header, strips, any(run.text for run in others), heads)


def _opening(begun: Sequence[Printed]) -> tuple[str | None, tuple[str, ...]]:
    """Header of captured turns: one text that is always there, or one of a few that a turn starts with."""
    texts = [run.text[: run.begins] for run in begun]
    if not any(texts):
        return "", ()
    header = shared_end(texts)
    if header and all(run.text.find(header) + len(header) == run.begins for run in begun):
        return header, ()
    heads = tuple(sorted({text for text in texts if text}, key=lambda text: (-len(text), text)))
    fits = all(
        next((head for head in heads if run.text.startswith(head)), "") == text
        for run, text in zip(begun, texts, strict=True)
    )
    return (
        ("", heads)
        if fits and len(heads) <= _MOST_HEADS and all(each.strip() for each in heads)
        else (None, ())
    )


def _closing(source: Source, end: int, tag: str, turn: str, cutting: Cutting, test: str | None) -> str:
    """Write what stands behind the captured turn, in the style of its last tag."""
    style = re.fullmatch(r"(\s*)\{%(-?) endset (-?)%\}(\n?)", tag)
    if style is None:
        raise CannotWrite("a captured turn cannot be printed there")
    lead, left, right, newline = style.groups()
    inside, first = turn, ""
    lines = [f"{{%{left} endset %}}"]
    if test is not None:
        lines.append(f"{{%{left} if {test} %}}")
    if cutting.header:
        parts = unused(source, "parts")
        lines.append(f"{{%{left} set {parts} = {turn}.partition({literal(source, cutting.header)}) %}}")
        inside, first = f"{parts}[2]", f"{{{{ {parts}[0] + {parts}[1] }}}}"
    if cutting.heads:
        header = unused(source, "header")
        chosen = " else ".join(
            f"{literal(source, head)} if {turn}.startswith({literal(source, head)})" for head in cutting.heads
        )
        lines.append(f"{{%{left} set {header} = {chosen} else '' %}}")
        inside, first = f"{turn}[{header} | length:]", f"{{{{ {header} }}}}"
    inner = f"{{{{ {inside}.rstrip() }}}}" if cutting.strips else f"{{{{ {inside} }}}}"
    rest = f"{{{{ {inside}[{inside}.rstrip() | length:] }}}}" if cutting.strips else ""
    marked = f"{first}{{% generation %}}{inner}{{% endgeneration %}}{rest}"
    lines[-1] += marked
    if test is not None:
        lines.append(f"{{%{left} else %}}{{{{ {turn} }}}}{{% endif %}}")
    text = lead + lead.join(lines)
    return _ended(text, source.text[end:], right, newline)


def _ended(text: str, following: str, right: str, newline: str) -> str:
    """End the text as its last tag ended: with the same whitespace control, whether or not it is a tag now."""
    if text.endswith("%}"):
        return re.sub(r" %\}$", f" {right}%}}", text) + newline
    if right:
        return re.sub(r" \}\}$", " -}}", text)
    if newline or not following.startswith("\n") or re.match(r"\s*\{[%{#]-", following):
        return text
    if re.match(r"\n[ \t]*\{%", following):
        return re.sub(r" \}\}$", " -}}", text)
    raise CannotWrite("a captured turn cannot be printed there")


def _line(source: Source, node: nodes.Node) -> int:
    return source.position(span_of(node).start)[0]
