"""How a patch was found."""

from __future__ import annotations

from typing import Literal

Method = Literal["registry", "wrap", "split", "guard", "partition", "capture"]
