"""A report for people at a terminal."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console
from rich.text import Text

from templatefix.edits import Newlines
from templatefix.model import Finding, Report, Severity
from templatefix.report.snippet import excerpt, visible

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_NARROWEST = 40


def write(report: Report, *, width: int = 100, color: bool = False) -> str:
    """Return a report as text: each finding with its source line, then one line that sums up.

    Args:
        report (`Report`): What was found.
        width (`int`): Cells a line may take; headings and paths may be longer.
        color (`bool`): Whether to add ANSI colours. They repeat what the text says.
    """
    page = _Page(max(width, _NARROWEST), color)
    for finding in report.findings:
        page.finding(finding)
    page.line(Text(summary(report), "bold"))
    return page.text()


def summary(report: Report) -> str:
    """One line: how many templates were looked at and what was found."""
    if not report.templates:
        return "no templates checked"
    templates = _count(len(report.templates), "template")
    if not report.findings:
        return f"{templates} checked, no findings"
    counts = Counter(finding.severity for finding in report.findings)
    parts = ", ".join(_count(counts[severity], severity.value) for severity in Severity if counts[severity])
    return f"{templates}, {_count(len(report.findings), 'finding')} ({parts})"


def _count(number: int, noun: str) -> str:
    plural = noun if number == 1 or noun == Severity.INFO else f"{noun}s"
    return f"{number} {plural}"


class _Page:
    """Lines on their way to a string, with or without colours.

    Args:
        width (`int`): Cells a line may take.
        color (`bool`): Whether to add ANSI colours.
    """

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self.buffer = io.StringIO()
        self.console = Console(
            file=self.buffer,
            width=width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            force_jupyter=False,
            highlight=False,
            legacy_windows=False,
        )

    def text(self) -> str:
        return self.buffer.getvalue()

    def line(self, *parts: Text | str) -> None:
        # Assembled, and printed whole: rich must neither wrap source nor read markup in it.
        text = Text.assemble(*parts)
        text.rstrip()
        self.console.print(text, soft_wrap=True)

    def finding(self, finding: Finding) -> None:
        style = _STYLES[finding.severity]
        template = finding.template
        variant = "" if template.name == "default" else f" in {visible(template.name)}"
        self.line(
            Text(f"{visible(str(template.origin))}:{finding.line}:{finding.column}", "bold"),
            f" {finding.code} {finding.rule} ",
            Text(f"[{finding.severity}]", style),
            variant,
        )
        number = str(finding.line)
        gutter = " " * len(number) + " | "
        source, carets = excerpt(Newlines.of(template.source).normal, finding.span, self.width - len(gutter))
        self.line(Text(gutter, "dim"))
        self.line(Text(f"{number} | ", "dim"), source)
        self.line(Text(gutter, "dim"), Text(carets, style))
        self.paragraph("", finding.message)
        self.paragraph("cure: ", finding.cure)
        if finding.fix:
            self.paragraph("fix: ", f"{finding.fix.description} ({finding.fix.safety})")
        self.line()

    def paragraph(self, label: str, text: str) -> None:
        indent = "  "
        body = Text(visible(text)).wrap(self.console, self.width - len(indent) - len(label))
        for index, line in enumerate(body):
            self.line(indent, Text(label if index == 0 else " " * len(label), "bold"), line)
