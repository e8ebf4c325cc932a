"""What a preflight says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from templatefix.model import Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which training goes wrong without an error.

    Args:
        code (`str`): For example `TRN001`.
        name (`str`): The pattern that is found.
        severity ([`Severity`]): How much it hurts; errors stop a run.
        summary (`str`): One line.
        documentation (`str`): What it is, why training suffers, what to do.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    documentation: str


@dataclass(frozen=True, slots=True)
class TrainingFinding:
    """A fault of a training run.

    Args:
        fault ([`Fault`]): What it is.
        message (`str`): What was found, and by which setting it comes about.
        cure (`str`): What to change, as code.
        row (`int`, *optional*): The first stored row that shows it.
        rows (`int`): How many of the rows that were looked at show it.
        text (`str`): The text of that row that is labelled wrongly, decoded.
    """

    fault: Fault
    message: str
    cure: str
    row: int | None = None
    rows: int = 0
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "code": self.fault.code,
            "fault": self.fault.name,
            "severity": str(self.fault.severity),
            "message": self.message,
            "cure": self.cure,
            "row": self.row,
            "rows": self.rows,
            "text": self.text,
        }
