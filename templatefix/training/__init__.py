"""Inside training scripts: proven markers in memory, a check before the first step, labels to look at, conversion."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from templatefix.training.ensuring import ensure, training_template

_HOMES = {
    "templatefix.training.ensuring": ("ensure", "training_template"),
}

__all__ = ["ensure", "training_template"]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'templatefix.training' has no attribute {name!r}")
