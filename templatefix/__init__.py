"""Audit, patch and prove the `{% generation %}` markers of chat templates before you train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templatefix.lazy import importer

if TYPE_CHECKING:
    from templatefix import errors, training
    from templatefix.api import audit, fix, fix_all, read, strip, verify
    from templatefix.errors import TemplateFixError
    from templatefix.model import Finding, Outcome, Policy, Pushed, Report, Template, Verdict
    from templatefix.shipping import push
    from templatefix.training import ensure, training_template

__version__ = "0.1.0"

_HOMES = {
    "templatefix.api": ("audit", "fix", "fix_all", "read", "strip", "verify"),
    "templatefix.errors": ("TemplateFixError",),
    "templatefix.shipping": ("push",),
    "templatefix.training": ("ensure", "training_template"),
    "templatefix.model": ("Finding", "Outcome", "Policy", "Pushed", "Report", "Template", "Verdict"),
}

__all__ = [
    "Finding",
    "Outcome",
    "Policy",
    "Pushed",
    "Report",
    "Template",
    "TemplateFixError",
    "Verdict",
    "audit",
    "ensure",
    "errors",
    "fix",
    "fix_all",
    "push",
    "read",
    "strip",
    "training",
    "training_template",
    "verify",
]

__getattr__ = importer(__name__, _HOMES, submodules=("errors", "training"))


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
