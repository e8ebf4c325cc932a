"""The published JSON form of what templatefix returns: keys spelled out and versioned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from templatefix.model import (
    Attempt,
    Check,
    Engine,
    Finding,
    Outcome,
    Pushed,
    Refusal,
    Report,
    Template,
    Verdict,
)

SCHEMA_VERSION = 1


def report(value: Report) -> dict[str, Any]:
    """The form of `templatefix audit --format json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "audit",
        "ok": value.ok,
        "rendered": value.rendered,
        "templates": [template(each) for each in value.templates],
        "findings": [finding(each) for each in value.findings],
    }


def template(value: Template) -> dict[str, Any]:
    """One template's place, without its text."""
    return {
        "name": value.name,
        "path": value.origin.place,
        "commit": value.origin.hub.sha if value.origin.hub else "",
        "pointer": value.origin.pointer,
        "effective": value.effective,
        "characters": len(value.source),
    }


def finding(value: Finding) -> dict[str, Any]:
    """One finding; offsets count characters after newlines are normalised, `end` is exclusive."""
    return {
        "code": value.code,
        "rule": value.rule,
        "severity": value.severity.value,
        "message": value.message,
        "cure": value.cure,
        "path": value.template.origin.place,
        "pointer": value.template.origin.pointer,
        "template": value.template.name,
        "line": value.line,
        "column": value.column,
        "start": value.span.start,
        "end": value.span.end,
        "fixable": value.fix is not None,
    }


def verdict(value: Verdict) -> dict[str, Any]:
    """A verdict with all its checks."""
    return {
        "outcome": value.outcome,
        "same_text": "proven" if value.proven else "tested",
        "policy": str(value.policy),
        "notes": [{"name": note.name, "text": note.text} for note in value.notes],
        "coverage": {
            "outputs": value.coverage.outputs,
            "marked_not_reached": list(value.coverage.marked),
            "unmarked_not_reached": list(value.coverage.unmarked),
            "foreign_not_reached": list(value.coverage.foreign),
            "blocks_opened_otherwise": list(value.coverage.blocks),
            "places_decided": value.coverage.sites,
            "places_undecided": list(value.coverage.open),
            "one_way_tests": [{"line": line, "test": text} for line, text in value.coverage.one_way],
        },
        "checks": [check(each) for each in value.checks],
    }


def check(value: Check) -> dict[str, Any]:
    """One claim, judged on one probe."""
    return {
        "claim": value.claim.value,
        "probe": value.probe,
        "outcome": value.outcome,
        "expected": value.expected,
        "actual": value.actual,
        "detail": value.detail,
        "line": value.line,
        "fault": value.fault,
    }


def refusal(value: Refusal | None) -> dict[str, Any] | None:
    """Why a template was refused; `line` is 0 where none can be told."""
    if value is None:
        return None
    return {
        "kind": value.kind.value,
        "reason": value.reason,
        "line": value.line,
        "missing": value.missing,
    }


def attempt(value: Attempt) -> dict[str, Any]:
    """One way to a patch that led nowhere, with the check that objects."""
    return {
        "method": value.method,
        "family": value.family,
        "outcome": value.verdict.outcome,
        "reason": value.reason,
        "line": value.line,
        "check": check(value.check) if value.check else None,
    }


def engine(value: Engine) -> dict[str, Any]:
    """What one engine of inference stacks makes of a template."""
    return {
        "name": value.name,
        "outcome": value.outcome,
        "detail": value.detail,
        "rejects_markers": value.by_marker,
    }


def verdicts(
    values: list[tuple[Template, Verdict]], engines: Sequence[Sequence[Engine]] = ()
) -> dict[str, Any]:
    """The form of `templatefix verify --format json`; with `--inference` each template has `inference` too."""
    shown = [{**template(each), **verdict(judged)} for each, judged in values]
    for one, found in zip(shown, engines, strict=False):
        one["inference"] = [engine(each) for each in found]
    return {"schema_version": SCHEMA_VERSION, "kind": "verify", "templates": shown}


def pushed(value: Pushed) -> dict[str, Any]:
    """The form of `templatefix push --format json`."""
    plan = value.plan
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "push",
        "action": plan.action,
        "done": bool(value.sha),
        "ok": value.ok,
        "repository": plan.repo,
        "revision": plan.revision,
        "base": plan.base,
        "user": plan.user,
        "pull_request": plan.pull,
        "reason": plan.reason,
        "title": plan.title,
        "diff": plan.diff(),
        "templates": [
            {
                **template(each.template),
                "how": each.how,
                "risks": list(each.risks),
                "reason": each.reason,
                "verdict": verdict(each.verdict),
            }
            for each in plan.evidence
        ],
        "commit": value.sha,
        "url": value.url,
        "pushed_to": value.revision,
        "read_back": [verdict.outcome for verdict in value.verdicts],
    }


def outcomes(values: list[Outcome]) -> dict[str, Any]:
    """The form of `templatefix fix --format json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "fix",
        "templates": [
            {
                **template(each.template),
                "status": each.status,
                "method": each.method,
                "family": each.family,
                "safety": each.safety.value,
                "reason": each.reason,
                "refusal": refusal(each.refusal),
                "attempts": [attempt(tried) for tried in each.attempts],
                "diff": each.diff(),
                "verdict": verdict(each.verdict),
            }
            for each in values
        ],
    }
