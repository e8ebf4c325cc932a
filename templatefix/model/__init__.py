"""The values that pass between the floors: frozen, plain, free of I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templatefix.lazy import importer
from templatefix.model.findings import Finding, Fix, Report, Safety, Severity
from templatefix.model.templates import Conversation, HubFile, Message, Origin, Rendered, Template
from templatefix.model.text import Edit, Span, unified_diff
from templatefix.model.verdicts import (
    DEFAULT_POLICY,
    Check,
    Claim,
    Coverage,
    Note,
    Policy,
    Tri,
    Turns,
    Verdict,
)

if TYPE_CHECKING:
    from templatefix.model.conversions import Advice, Conversion, Kind, Refused, Route
    from templatefix.model.engines import Engine
    from templatefix.model.methods import Allowance, Method
    from templatefix.model.outcomes import DECLARED_CHANGE, Candidate, Change, Outcome, Status, Variant
    from templatefix.model.plans import MARKED, Action, Evidence, Plan, Pushed, PushedFile
    from templatefix.model.refusals import Attempt, Refusal, RefusalKind

_HOMES = {  # `audit` needs none of these
    "templatefix.model.conversions": ("Advice", "Conversion", "Kind", "Refused", "Route"),
    "templatefix.model.engines": ("Engine",),
    "templatefix.model.methods": ("Allowance", "Method"),
    "templatefix.model.outcomes": ("DECLARED_CHANGE", "Candidate", "Change", "Outcome", "Status", "Variant"),
    "templatefix.model.plans": ("MARKED", "Action", "Evidence", "Plan", "Pushed", "PushedFile"),
    "templatefix.model.refusals": ("Attempt", "Refusal", "RefusalKind"),
}

__all__ = [
    "DECLARED_CHANGE",
    "DEFAULT_POLICY",
    "MARKED",
    "Action",
    "Advice",
    "Allowance",
    "Attempt",
    "Candidate",
    "Change",
    "Check",
    "Claim",
    "Conversation",
    "Conversion",
    "Coverage",
    "Edit",
    "Engine",
    "Evidence",
    "Finding",
    "Fix",
    "HubFile",
    "Kind",
    "Message",
    "Method",
    "Note",
    "Origin",
    "Outcome",
    "Plan",
    "Policy",
    "Pushed",
    "PushedFile",
    "Refusal",
    "RefusalKind",
    "Refused",
    "Rendered",
    "Report",
    "Route",
    "Safety",
    "Severity",
    "Span",
    "Status",
    "Template",
    "Tri",
    "Turns",
    "Variant",
    "Verdict",
    "unified_diff",
]

__getattr__ = importer(__name__, _HOMES)
