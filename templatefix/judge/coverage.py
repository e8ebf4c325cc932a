"""Outputs that no probe reached: what was never printed was never judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from templatefix.errors import RenderError
from templatefix.probes import Probe
from templatefix.render import Tracer, leaves
from templatefix.syntax import Source, span_of, walk


def unreached(source: Source, variables: Mapping[str, Any], probes: Sequence[Probe]) -> tuple[str, ...]:
    """Name the lines inside loops whose outputs no probe executed.

    Args:
        source (`Source`): The template.
        variables (`Mapping[str, str]`): Special tokens.
        probes (`Sequence[Probe]`): The conversations.

    Returns:
        `tuple[str, ...]`: One sentence, or none.
    """
    tracer = Tracer(source, variables)
    reached: set[int] = set()
    for probe in probes:
        for prompt in (False, True):
            try:
                traced = tracer.run(probe.messages, add_generation_prompt=prompt, **probe.arguments)
            except RenderError:
                continue
            reached |= {piece.leaf for piece in traced.pieces}
    looped = {
        id(node) for node, above in walk(source.tree) if any(isinstance(each, nodes.For) for each in above)
    }
    missed = [
        source.position(span_of(output).start)[0]
        for index, output in enumerate(leaves(source))
        if index not in reached and id(output) in looped and not _blank(output)
    ]
    if not missed:
        return ()
    lines = ", ".join(str(line) for line in sorted(set(missed)))
    return (f"no probe reached the output in line {lines}: how it is marked was not tested",)


def _blank(output: nodes.Output) -> bool:
    only = output.nodes[0]
    return isinstance(only, nodes.TemplateData) and not only.data.strip()
