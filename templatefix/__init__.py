"""Audit, patch and prove the `{% generation %}` markers of chat templates before you train."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    "fix",
    "fix_all",
    "push",
    "read",
    "strip",
    "training_template",
    "verify",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'templatefix' has no attribute {name!r}")
