"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from templatefix.model.templates import Template
from templatefix.model.text import Edit, Span


class Severity(StrEnum):
    """How much a finding hurts training."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Safety(StrEnum):
    """What an edit does to the rendered text."""

    SAFE = "safe"
    """Identical rendering."""
    UNSAFE = "unsafe"
    """A declared change of the rendered text."""
    DISPLAY = "display"
    """Shown to the user, never applied."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that cure a finding, and what they do to the rendered text."""

    edits: tuple[Edit, ...]
    safety: Safety
    description: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a template, at an exact place.

    Args:
        code (`str`): Rule code, for example `GEN001`.
        rule (`str`): The rule's name, for example `missing-markers`.
        severity (`Severity`): How much it hurts.
        message (`str`): What was found and why it matters, one or two sentences.
        cure (`str`): What to do about it.
        template (`Template`): The template it was found in.
        span (`Span`): Offsets into the template's text after newlines are normalised to `\\n`.
        line (`int`): 1-based line of `span.start`.
        column (`int`): 1-based column of `span.start`.
        fix (`Fix`, *optional*): Edits that cure it.
    """

    code: str
    rule: str
    severity: Severity
    message: str
    cure: str
    template: Template
    span: Span
    line: int
    column: int
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        templates (`tuple[Template, ...]`): The templates that were read.
        findings (`tuple[Finding, ...]`): In order of template, line and code.
        rendered (`bool`): Whether masks were looked at, and not the source alone.
    """

    templates: tuple[Template, ...]
    findings: tuple[Finding, ...]
    rendered: bool = True

    @property
    def ok(self) -> bool:
        """Whether no finding is an error or a warning."""
        return all(finding.severity is Severity.INFO for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the published JSON form, as `templatefix audit --format json` prints it."""
        from templatefix import schema

        return schema.report(self)
