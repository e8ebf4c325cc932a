"""A new patch for the registry, out of a template and a fix of it that was worked out or written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from templatefix import synthesis
from templatefix.edits import Newlines
from templatefix.errors import RegistryError, UsageError
from templatefix.expected import Expectations
from templatefix.fixing import fix
from templatefix.model import Candidate, Outcome, Policy, Template
from templatefix.registry import Patch, anchored, candidates, digest, parse, write
from templatefix.syntax import is_marked
from templatefix.syntax import parse as parse_template


@dataclass(frozen=True, slots=True)
class Contribution:
    """A patch file that was proven on every template it lists.

    Args:
        text (`str`): The file's content.
        patch ([`Patch`]): What it says.
        outcomes (`tuple[Outcome, ...]`): The evidence, one for each template.
    """

    text: str
    patch: Patch
    outcomes: tuple[Outcome, ...]


def contribute(
    templates: Sequence[Template],
    family: str,
    *,
    patched: Template | None = None,
    models: Sequence[str] = (),
    why: str = "",
) -> Contribution:
    """Work out a patch for templates of one family, and prove on each that it holds.

    Args:
        templates (`Sequence[Template]`): Templates without markers; the anchors are cut from the first, and must
            stand exactly once in each.
        family (`str`): The patch's name.
        patched ([`Template`], *optional*): The first template as somebody patched it; worked out if `None`.
        models (`Sequence[str]`): Hub ids it is for, `*` for any part.
        why (`str`): What is particular in these templates.

    Raises:
        UsageError: A template has markers already.
        RegistryError: No patch is proven, or it does not hold on every template.
    """
    for template in templates:
        if is_marked(parse_template(template.source).tree):
            cure = "give the template as it was published, and a patched one by --from."
            raise UsageError("this template has markers already", where=template.label, cure=cure)
    texts = [Newlines.of(each.source).normal for each in templates]
    after, how = _worked_out(templates[0]) if patched is None else (patched.source, "Written by hand.")
    after = Newlines.of(after).normal
    anchors = anchored(texts[0], after, texts)
    seen = tuple(dict.fromkeys(map(digest, texts)))
    path = Path(f"{family}.toml")
    names = {digest(each.source): "/".join(Path(each.origin.path).parts[-2:]) for each in reversed(templates)}
    draft = Patch(family, tuple(models) or (f"*/{family}*",), why.strip() or how, seen, anchors, path)
    text = write(draft, names)
    patch = parse(text, path)
    if patch.candidate(texts[0]).after != after:
        raise RegistryError("the anchors do not give the patched template again", where=templates[0].label)
    outcomes = tuple(_held(template, patch) for template in templates)
    for outcome in outcomes:
        if outcomes[0].verdict.proven and not outcome.verdict.proven:
            cure = "the templates differ between the anchors; write a patch of its own for this one."
            raise RegistryError("the same text is not proven here", where=outcome.template.label, cure=cure)
    return Contribution(text, patch, outcomes)


def _worked_out(template: Template) -> tuple[str, str]:
    outcome = fix(template, synthesis.candidates)
    if outcome.status != "patched":
        cure = "patch it by hand, and give that template by --from."
        raise RegistryError(f"no patch was found: {outcome.reason}", where=template.label, cure=cure)
    proof = "for every conversation" if outcome.verdict.proven else "on every probe"
    return outcome.after, f"Worked out ({outcome.method}); the text is the same {proof}."


def _held(template: Template, patch: Patch) -> Outcome:
    """Judge the patch on one template, without any other way to one."""

    def alone(expectations: Expectations, _: Policy) -> Iterator[Candidate]:
        yield from candidates(expectations.analysis.source.text, [patch])

    outcome = fix(template, alone)
    if outcome.status != "patched":
        raise RegistryError(f"the patch does not hold: {outcome.reason}", where=template.label)
    return outcome
