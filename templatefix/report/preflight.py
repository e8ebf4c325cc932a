"""A preflight as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MOST = 160


def write(findings: Sequence[Any], checklist: Sequence[str]) -> str:
    """Return findings, worst first, and the checklist.

    Args:
        findings (`Sequence[TrainingFinding]`): What is wrong.
        checklist (`Sequence[str]`): What was measured.
    """
    lines = [line for each in findings for line in _finding(each)]
    head = "preflight: nothing wrong was found" if not findings else f"preflight: {len(findings)} found"
    return "\n".join([head, *lines, *checklist])


def _finding(found: Any) -> list[str]:
    fault = found.fault
    place = f"row {found.row}: " if found.row is not None else ""
    more = f" ({found.rows} rows)" if found.rows > 1 else ""
    lines = [f"{fault.severity}: {fault.code} {fault.name}: {place}{found.message}{more}"]
    if found.text:
        text = found.text if len(found.text) <= _MOST else f"{found.text[:_MOST]}…"
        lines.append(f"  text: {text!r}")
    lines += [
        f"  {'cure: ' if at == 0 else '      '}{line}" for at, line in enumerate(found.cure.split("\n"))
    ]
    return lines
