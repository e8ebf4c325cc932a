"""Judge a template whose text is meant to differ from the original's, on the probes that say so and on no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import reaching
from templatefix.errors import RenderError
from templatefix.judge.claims import Render, same_text
from templatefix.judge.verdict import judge
from templatefix.model import DECLARED_CHANGE, Change, Check, Claim, Note, Verdict
from templatefix.probes import PLACEHOLDERS, Probe
from templatefix.render import Renderer
from templatefix.syntax import parse


def judge_declared(
    source: str,
    variables: Mapping[str, Any] | None = None,
    *,
    original: str,
    changes: Sequence[Change],
    probes: Sequence[Probe] = (),
) -> Verdict:
    """Judge a patched template that declares where its text differs.

    The expected spans are inferred from the template itself, since the original prints another text.

    Args:
        source (`str`): The template with markers.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        original (`str`): The template before it was patched.
        changes (`Sequence[Change]`): Where the text is meant to differ, the prompts of generation included.
        probes (`Sequence[Probe]`): Conversations that reach the outputs of the original.

    Returns:
        [`Verdict`]: A note for each declared change in place of its SAME_TEXT checks; a declaration that nothing
        differs by fails.
    """
    own, _ = reaching(TemplateAnalysis(parse(source), variables))
    every = list({probe.name: probe for probe in (*probes, *own)}.values())
    verdict = judge(source, variables, probes=every)
    before, after = (Renderer(text, variables or PLACEHOLDERS) for text in (original, source))
    checks = [_same(probe, before, after) for probe in every]
    differing = [check.probe for check in checks if check.outcome != "holds"]
    shown = {change: [name for name in differing if fnmatchcase(name, change.probe)] for change in changes}
    waived = {name for names in shown.values() for name in names}
    kept = [check for check in checks if check.probe not in waived]
    notes = [_note(change, names) for change, names in shown.items() if names]
    checks = [*kept, *_idle(shown), *verdict.checks]
    return replace(verdict, checks=tuple(checks), notes=(*notes, *verdict.notes))


def _same(probe: Probe, before: Renderer, after: Renderer) -> Check:
    """Whether a conversation and its prompt for the next turn are the same."""
    check = Check(Claim.SAME_TEXT, probe.name, "holds")
    for prompt in ({}, {"add_generation_prompt": True}):
        old, new = (_rendered(each, probe, prompt) for each in (before, after))
        check = same_text(probe.name, old, new)
        if check.outcome != "holds":
            break
    return check


def _rendered(renderer: Renderer, probe: Probe, more: Mapping[str, Any]) -> Render:
    try:
        return renderer.render(probe.messages, **{**probe.arguments, **more})
    except RenderError as error:
        return error


def _idle(shown: Mapping[Change, list[str]]) -> Iterator[Check]:
    for change, names in shown.items():
        if not names:
            detail = "a change of the text is declared, and no probe of that name shows one"
            yield Check(Claim.SAME_TEXT, change.probe, "fails", detail=detail)


def _note(change: Change, names: Sequence[str]) -> Note:
    plural = "" if len(names) == 1 else "s"
    text = f"the text differs on {len(names)} probe{plural} ({change.probe}), as declared: {change.why}"
    return Note(DECLARED_CHANGE, text)
