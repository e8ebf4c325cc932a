"""What engines of inference stacks make of a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Engine:
    """What one engine makes of a template.

    Args:
        name (`str`): `jinja2` or `minijinja`.
        outcome (`str`): `accepts`, `differs` (it prints another text than transformers), `rejects`,
            `undecided` (no probe conversation renders at all), or `not-installed`.
        detail (`str`): What it says.
        by_marker (`bool`): Whether the markers are why: without them it accepts the template.
    """

    name: str
    outcome: Literal["accepts", "differs", "rejects", "undecided", "not-installed"]
    detail: str = ""
    by_marker: bool = False
