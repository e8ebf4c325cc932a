"""Compare what templatefix says of a template and of the same template in disguise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import templatefix
from templatefix.errors import TemplateFixError
from templatefix.model import Template
from tests.disguise.checks import objection, without_assembled
from tests.disguise.literals import inverse
from tests.disguise.rewrites import BLANK_LINES, KINDS, Disguise, add

Judge = Callable[[str], tuple[str, str]]
"""Returns what is compared of a template, and a reason for people."""


def verdict(source: str) -> tuple[str, str]:
    """Return the outcome of `templatefix.verify`, and what does not hold."""
    found = templatefix.verify(Template.from_source(source))
    blame = found.blame
    reason = f"{blame.claim} on {blame.probe!r}: {blame.detail or blame.fault}" if blame else ""
    return found.outcome, reason


def patch(source: str) -> tuple[str, str]:
    """Return status and method of `templatefix.fix`, and the reason for a refusal."""
    outcome = templatefix.fix(Template.from_source(source))
    return f"{outcome.status} {outcome.method or ''}".strip(), outcome.reason


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one template.

    Args:
        name (`str`): Its name.
        applied (`tuple[str, ...]`): Kinds of disguise that changed the template and kept its text.
        left_out (`tuple[str, ...]`): Kinds that did not keep its text.
        before (`str`): What templatefix says of the template; empty if it was skipped.
        after (`str`): What it says of the disguised template.
        causes (`tuple[str, ...]`): Kinds that change what it says, each applied alone.
        words (`tuple[str, ...]`): Special tokens and role words that change it, each renamed alone.
        reason (`str`): Its reason for the changed verdict, or why the template was skipped.
    """

    name: str
    applied: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Return whether the verdict changed; see `differ`."""
        return differ(self.before, self.after)


def differ(before: str, after: str) -> bool:
    """Return whether two verdicts differ. A registry patch may become another patch: it needs familiar text."""
    familiar = before == "patched registry" and after.startswith("patched")
    return before != after and not familiar


def disguise(
    name: str, source: str, seed: str, kinds: Sequence[str] = tuple(KINDS)
) -> tuple[Disguise, tuple[str, ...], tuple[str, ...]]:
    """Disguise a template in all ways that keep its text.

    Returns:
        `tuple[Disguise, tuple[str, ...], tuple[str, ...]]`: The disguised template, the kinds that changed it, and
        those left out because they do not keep its text.
    """
    made = Disguise(source)
    applied, left_out = [], []
    for kind in kinds:
        more = add(made, kind, f"{seed} {name}")
        if kind == "tokens":
            more = without_assembled(more)
        if more.source == made.source:
            continue
        if kind in BLANK_LINES or not objection(source, more):
            made = more
            applied.append(kind)
        else:
            left_out.append(kind)
    return made, tuple(applied), tuple(left_out)


def compare(name: str, source: str, judge: Judge, seed: str, kinds: Sequence[str] = tuple(KINDS)) -> Result:
    """Judge a template and its disguise; if the verdicts differ, find the kinds that change it alone."""
    if reason := objection(source, Disguise(source)):
        return Result(name, reason=reason)
    made, applied, left_out = disguise(name, source, seed, kinds)
    if not applied:
        return Result(name, left_out=left_out, reason="no kind of disguise applies")
    before, _ = judge(source)
    after, reason = judge(made.source)
    result = Result(name, applied, left_out, before, after, reason=reason)
    if not result.changed:
        return result
    alone = {kind: disguise(name, source, seed, [kind])[0] for kind in applied}
    causes = tuple(kind for kind, one in alone.items() if differ(before, judge(one.source)[0]))
    words = tuple(word for kind in causes for word in _words(alone[kind], judge, before))
    return Result(name, applied, left_out, before, after, causes, words, reason)


def _words(made: Disguise, judge: Judge, before: str) -> Iterator[str]:
    """Yield the words of a disguise that change the verdict when only one of them is renamed."""
    renamed = {**made.tokens, **made.roles}
    for new, old in renamed.items():
        others = {word: renamed[word] for word in renamed if word != new}
        try:
            changed = differ(before, judge(inverse(made.source, others))[0])
        except TemplateFixError:  # an old word with a quote in it was escaped in the source
            continue
        if changed:
            yield f"{old!r} as {new!r}"
