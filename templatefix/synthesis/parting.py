"""Take a value apart where expected text begins or ends within it; the parts always add up to the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from templatefix.model import Edit, Span
from templatefix.syntax import Source, span_of
from templatefix.syntax.chain import operators, surely_text
from templatefix.synthesis.outputs import Cut, Run
from templatefix.synthesis.writing import CannotWrite, before, unused

OPEN, CLOSE = "generation", "endgeneration"


@dataclass(frozen=True, slots=True)
class Parting:
    """A place within a value.

    Args:
        atom (`int`): Index of an operand of an output's chain.
        header (`str`): Trained text begins behind this text, where it first stands; empty for an end, which is where
            trailing whitespace begins.
    """

    atom: int
    header: str = ""


def part_start(runs: Sequence[Run]) -> Parting | None:
    """Find the operand and the text after which the expected text begins in every run.

    Args:
        runs (`Sequence[Run]`): The executions in which expected text begins, or would.
    """
    for atom in range(len(runs[0].texts)):
        heads = [_head(run, atom) for run in runs]
        header = shared_end([head for head in heads if head is not None]) if None not in heads else ""
        whole = [run.texts[atom] for run in runs]
        if header and all(
            text.find(header) + len(header) == len(head or "")
            for text, head in zip(whole, heads, strict=True)
        ):
            return Parting(atom, header)
    return None


def _head(run: Run, atom: int) -> str | None:
    offsets = [cut.offset for cut in run.starts if cut.atom == atom and cut.offset]
    if Cut(atom + 1, 0) in run.starts:  # nothing is left behind the header
        offsets.append(len(run.texts[atom]))
    return run.texts[atom][: offsets[0]] if offsets else None


def shared_end(heads: Sequence[str]) -> str:
    """Return the longest common end of some texts that begins where a word or a bracketed token does."""
    shared = min(heads, key=len, default="")
    while shared and not all(head.endswith(shared) for head in heads):
        shared = shared[1:]
    heads = [head[: len(head) - len(shared)] for head in heads]
    while shared and any(head and (head[-1] + shared[0]).isalnum() for head in heads):
        heads = [head + shared[0] for head in heads]
        shared = shared[1:]
    return shared if shared.strip() else ""


def part_end(runs: Sequence[Run]) -> Parting | None:
    """Find the operand whose trailing whitespace follows the expected text in every run.

    Args:
        runs (`Sequence[Run]`): The executions in which expected text ends.
    """
    for atom in range(len(runs[0].texts)):
        if all(
            Cut(atom, len(run.texts[atom].rstrip())) in run.ends
            or (run.texts[atom] == run.texts[atom].rstrip() and Cut(atom + 1, 0) in run.ends)
            for run in runs
        ):
            return Parting(atom)
    return None


def part(
    source: Source,
    output: nodes.Output,
    found: Sequence[nodes.Expr],
    places: Sequence[Parting],
    separator: Callable[[Source, nodes.Output, str], str],
) -> list[Edit]:
    """Return the edits that put tags into values of an output.

    Args:
        source (`Source`): The template.
        output (`jinja2.nodes.Output`): The output.
        found (`Sequence[jinja2.nodes.Expr]`): The operands of its chain.
        places (`Sequence[Parting]`): Where to part them, one start and one end at most.
        separator (`Callable`): Ends one output and begins the next, with a tag between them.

    Raises:
        CannotWrite: Whitespace control would change the output.
    """
    edits = []
    strict = operators(list(found), source.text)
    for atom in sorted({place.atom for place in places}):
        here = [place for place in places if place.atom == atom]
        value = _text(source, found[atom], strict[atom] == "string" or surely_text(found[atom]))
        header = next((place.header for place in here if place.header), "")
        written = ""
        if header:
            name = unused(source, "parts")
            written = f"{name}[0] + {name}[1]{separator(source, output, OPEN)}"
            tag = f"set {name} = {value}.partition({literal(source, header)})"
            start = span_of(output).start
            edits.append(Edit(Span(start, start), before(source, start, tag)))
            value = f"{name}[2]"
        if any(not place.header for place in here):
            written += (
                f"{value}.rstrip(){separator(source, output, CLOSE)}{value}[{value}.rstrip() | length:]"
            )
        else:
            written += value
        edits.append(Edit(span_of(found[atom]), written))
    return edits


def _text(source: Source, value: nodes.Expr, must: bool) -> str:
    """A value as a string: one that is printed may be anything, one that is added must be a string already."""
    written = span_of(value).of(source.text)
    if not must:
        return f"({written} | string)"
    return written if isinstance(value, nodes.Name | nodes.Getattr | nodes.Getitem) else f"({written})"


def literal(source: Source, text: str) -> str:
    """Write a string literal in the template's favourite quotes.

    Args:
        source (`Source`): The template.
        text (`str`): The string.

    Raises:
        CannotWrite: The text holds what a literal would have to escape by more than a backslash.
    """
    if not all(char.isprintable() or char in "\n\t" for char in text):
        raise CannotWrite(f"{text!r} cannot be written as a literal")
    quote = '"' if source.text.count('"') > source.text.count("'") else "'"
    if quote in text:
        quote = "'" if quote == '"' else '"'
    escaped = (
        text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace(quote, f"\\{quote}")
    )
    return f"{quote}{escaped}{quote}"
