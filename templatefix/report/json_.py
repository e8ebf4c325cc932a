"""A report for programs, and the schema it keeps to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

from templatefix.model import Report

# Legal in JSON, but terminals obey them (C1 controls, direction marks) or no encoding holds them.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def write(report: Report) -> str:
    """Return a report as JSON; `audit_schema` describes it."""
    return dump(report.to_dict())


def dump(document: Mapping[str, Any]) -> str:
    """Return a document as JSON with a final newline: indented, keys in their order, readable Unicode.

    Args:
        document (`Mapping[str, Any]`): What to print.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def audit_schema() -> dict[str, Any]:
    """Return the JSON schema of documents whose `kind` is `audit`."""
    text = files("templatefix.report").joinpath("audit.schema.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))
