"""Run all rules over templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from templatefix.edits import Newlines
from templatefix.errors import SyntaxProblem
from templatefix.model import DEFAULT_POLICY, Finding, Policy, Template
from templatefix.rules.catalogue import ALL
from templatefix.rules.rule import Broken, Hit, Rule, Subject
from templatefix.syntax import parse
from templatefix.syntax.located import position


def check(
    templates: Sequence[Template], *, render: bool = False, policy: Policy = DEFAULT_POLICY
) -> tuple[Finding, ...]:
    """Run every rule over every template.

    Args:
        templates (`Sequence[Template]`): All templates of one target, so that its variants can be compared.
        render (`bool`): Run the rules that render probe conversations too; without, those over the source alone.
        policy ([`Policy`]): Which turns are to be trained, and where their spans begin.

    Returns:
        `tuple[Finding, ...]`: In order of template, line and code.

    Raises:
        SyntaxProblem: A template does not parse, and its markers are not the reason.
    """
    parsed = [_parse(template) for template in templates]
    subjects = [each for each in parsed if isinstance(each, Subject)]
    findings: list[Finding] = []
    for template, each in zip(templates, parsed, strict=True):
        if isinstance(each, Broken):
            found = list(_broken(template, each))
            if not found:
                raise each.problem
        else:
            others = tuple(other for other in subjects if _variants(each.template, other.template))
            beside = tuple(other for other in templates if other is not template)
            found = list(_parsed(replace(each, siblings=others, beside=beside, policy=policy), render))
        findings += sorted(found, key=lambda finding: (finding.line, finding.code, finding.column))
    return tuple(findings)


def _parse(template: Template) -> Subject | Broken:
    try:
        return Subject(template, parse(template.source, where=template.label))
    except SyntaxProblem as problem:
        return Broken(Newlines.of(template.source).normal, problem)


def _variants(one: Template, other: Template) -> bool:
    # Two templates of one name that are both in use belong to different consumers or models.
    return one is not other and (one.name != other.name or not (one.effective and other.effective))


def _parsed(subject: Subject, render: bool) -> Iterator[Finding]:
    for rule in ALL:
        if rule.renders and not render:
            continue
        try:
            yield from _findings(rule, subject.template, subject.text, rule.check(subject))
        except RecursionError:  # a chain of a thousand operators, which no parser stack limits
            where = subject.template.label
            raise SyntaxProblem("it is nested too deeply", 1, where=where) from None


def _broken(template: Template, broken: Broken) -> Iterator[Finding]:
    for rule in ALL:
        yield from _findings(rule, template, broken.text, rule.check_broken(broken))


def _findings(rule: Rule, template: Template, text: str, hits: Iterable[Hit]) -> Iterator[Finding]:
    for hit in hits:
        line, column = position(text, hit.span)
        yield Finding(
            code=rule.code,
            rule=rule.name,
            severity=hit.severity or rule.severity,
            message=hit.message,
            cure=rule.cure,
            template=template,
            span=hit.span,
            line=line,
            column=column,
            fix=hit.fix,
        )
