"""Inside training scripts: proven markers in memory, a check before the first step, labels to look at, conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templatefix.lazy import importer

if TYPE_CHECKING:
    from templatefix.errors import PreflightError
    from templatefix.model import Advice, Conversion
    from templatefix.training.callback import PreflightCallback
    from templatefix.training.checking import Preflight, preflight
    from templatefix.training.conversion import to_prompt_completion
    from templatefix.training.ensuring import ensure, training_template
    from templatefix.training.files import convert_file
    from templatefix.training.findings import TrainingFinding
    from templatefix.training.labels import Labels
    from templatefix.training.routes import advice
    from templatefix.training.table import label_table, show, supervised

_HOMES = {
    "templatefix.errors": ("PreflightError",),
    "templatefix.model": ("Advice", "Conversion"),
    "templatefix.training.callback": ("PreflightCallback",),
    "templatefix.training.checking": ("Preflight", "preflight"),
    "templatefix.training.conversion": ("to_prompt_completion",),
    "templatefix.training.ensuring": ("ensure", "training_template"),
    "templatefix.training.findings": ("TrainingFinding",),
    "templatefix.training.files": ("convert_file",),
    "templatefix.training.labels": ("Labels",),
    "templatefix.training.routes": ("advice",),
    "templatefix.training.table": ("label_table", "show", "supervised"),
}

__all__ = [
    "Advice",
    "Conversion",
    "Labels",
    "Preflight",
    "PreflightCallback",
    "PreflightError",
    "TrainingFinding",
    "advice",
    "convert_file",
    "ensure",
    "label_table",
    "preflight",
    "show",
    "supervised",
    "to_prompt_completion",
    "training_template",
]

__getattr__ = importer(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
