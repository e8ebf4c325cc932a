"""All that was seen of a training run, before anything is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from templatefix.training.evidence import Evidence
from templatefix.training.reference import Reference
from templatefix.training.scan import Scan
from templatefix.training.setup import Setup


@dataclass(frozen=True)
class Seen:
    """What was seen of a training run.

    Args:
        setup ([`Setup`]): Its rows, collator and settings.
        reference ([`Reference`] or `str`): What tells what rows owe, or why nothing does.
        scanned ([`Scan`], *optional*): What all rows are like; `None` where they are stored without labels.
        evidence ([`Evidence`]): The rows that were compared token by token.
    """

    setup: Setup
    reference: Reference | str
    scanned: Scan | None
    evidence: Evidence
