"""What stands between a dataset and a loss on answers alone: the form of its rows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from templatefix.model import Advice, Conversion
    from templatefix.training.conversion import to_prompt_completion
    from templatefix.training.files import convert_file
    from templatefix.training.routes import advice

_HOMES = {
    "templatefix.model": ("Advice", "Conversion"),
    "templatefix.training.conversion": ("to_prompt_completion",),
    "templatefix.training.files": ("convert_file",),
    "templatefix.training.routes": ("advice",),
}

__all__ = ["Advice", "Conversion", "advice", "convert_file", "to_prompt_completion"]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'templatefix.training' has no attribute {name!r}")
