"""How a patch was found, and what a user may allow besides."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Method = Literal["registry", "wrap", "split", "guard", "partition", "capture", "capture-all"]


class Allowance(StrEnum):
    """What is tried only if a user asks for it."""

    CAPTURE_ALL = "capture-all"
    """Capture all that a template prints, and find the assistant's turns in it by the text of their header."""
