"""What becomes of a template that is to be patched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from templatefix.model.findings import Safety
from templatefix.model.methods import Method
from templatefix.model.refusals import Attempt, Refusal
from templatefix.model.templates import Template
from templatefix.model.text import Edit, unified_diff
from templatefix.model.verdicts import Verdict

Status = Literal["correct", "patched", "refused"]

Variant = Literal["same-text", "training"]
"""What a patch may do: put markers in alone, or change the text too, as it declares."""

DECLARED_CHANGE = "declared-change"
"""The name of the note that stands for a declared change of the text."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the rendered text that a patch declares.

    Args:
        probe (`str`): The names of the probes that show it, `*` for any part.
        why (`str`): What changes, and what for.
    """

    probe: str
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed patch, not yet proven.

    Args:
        after (`str`): The patched source, newlines normalised to `\\n`.
        method (`str`): How it was found.
        edits (`tuple[Edit, ...]`): What turns the original into `after`.
        family (`str`): Name of the registry family; empty for a synthesised patch.
        changes (`tuple[Change, ...]`): Where the text is meant to differ; nowhere, if there are none.
    """

    after: str
    method: Method
    edits: tuple[Edit, ...]
    family: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `fix` did to one template.

    Args:
        template (`Template`): The template as it was read.
        status (`str`): `correct` (nothing to do), `patched` or `refused`.
        after (`str`): The patched source in the original's own line ends; equal to `before` unless patched.
        method (`str`, *optional*): How the patch was found.
        verdict (`Verdict`): The evidence.
        family (`str`): Name of the registry family, where one was used.
        refusal (`Refusal`, *optional*): Why it was refused.
        attempts (`tuple[Attempt, ...]`): What was tried before, in order, and led nowhere.
    """

    template: Template
    status: Status
    after: str
    verdict: Verdict
    method: Method | None = None
    family: str = ""
    refusal: Refusal | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def reason(self) -> str:
        """Why it was refused; empty if it was not."""
        return self.refusal.reason if self.refusal else ""

    @property
    def before(self) -> str:
        """The source as it was read."""
        return self.template.source

    @property
    def safety(self) -> Safety:
        """`SAFE` where the text is the same, `UNSAFE` where it differs as the patch declares."""
        declared = any(note.name == DECLARED_CHANGE for note in self.verdict.notes)
        return Safety.UNSAFE if declared else Safety.SAFE

    def diff(self) -> str:
        """A unified diff of the template text; empty when nothing changed."""
        label = self.template.label
        return unified_diff(self.before, self.after, label, label)
