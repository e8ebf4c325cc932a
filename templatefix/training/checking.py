"""Look at a training run before its first step: what it trains on, and what is wrong with that."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from templatefix.errors import PreflightError, UsageError
from templatefix.model import DEFAULT_POLICY, Policy, Severity
from templatefix.training import faults
from templatefix.training.checklist import checklist
from templatefix.training.checks import findings
from templatefix.training.evidence import look
from templatefix.training.findings import TrainingFinding
from templatefix.training.reference import Reference
from templatefix.training.scan import scan
from templatefix.training.seen import Seen
from templatefix.training.setup import Setup, read

ROWS = 64
"""How many rows are compared token by token unless told otherwise; all rows are counted."""


@dataclass(frozen=True)
class Preflight:
    """What was found of a training run.

    Args:
        findings (`tuple[TrainingFinding, ...]`): What is wrong, errors first.
        checklist (`tuple[str, ...]`): What to know before `trainer.train()`, each line with its measured figure.
    """

    findings: tuple[TrainingFinding, ...]
    checklist: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing found is an error or a warning."""
        return all(each.fault.severity is Severity.INFO for each in self.findings)

    @property
    def errors(self) -> tuple[TrainingFinding, ...]:
        """What should stop the run."""
        return tuple(each for each in self.findings if each.fault.severity is Severity.ERROR)

    def require(self) -> None:
        """Raise if anything found is an error.

        Raises:
            PreflightError: It is; the message is the whole report.
        """
        if self.errors:
            names = ", ".join(each.fault.code for each in self.errors)
            raise PreflightError(
                f"training would go wrong without an error ({names}):\n{self}",
                cure=f"change what it says; what is meant, allow: `allow={[each.fault.code for each in self.errors]}`.",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "ok": self.ok,
            "findings": [each.to_dict() for each in self.findings],
            "checklist": list(self.checklist),
        }

    def __str__(self) -> str:
        from templatefix.report.preflight import write

        return write(self.findings, self.checklist)


def preflight(
    target: Any,
    *,
    tokenizer: Any = None,
    rows: int = ROWS,
    allow: Collection[str] = (),
    quiet: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> Preflight:
    """Look at what a trainer really trains on, and print it.

    Stored rows are counted, all of them; `rows` of them, and the odd ones, are collated as in training and compared
    token by token with what they owe. Nothing is drawn from the sampler, and nothing in the trainer changes.

    Args:
        target (`Trainer` or `DataLoader`): TRL's `SFTTrainer`, a trainer of transformers, or a loader of batches.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): The tokenizer; the trainer's own if `None`.
        rows (`int`): How many rows to compare.
        allow (`Collection[str]`): Codes or names that are meant, such as `TRN002`; they are not reported.
        quiet (`bool`): Print nothing.
        policy ([`Policy`]): Which turns are meant to be trained, and where their spans begin; see [`templatefix.fix`].

    Returns:
        [`Preflight`]: `.findings`, `.ok`, `.checklist`; `.require()` raises if an error is among them.

    Raises:
        UsageError: It is no trainer, has no rows, labels or tokenizer, or `allow` names something else.
    """
    return examine(read(target, tokenizer), rows=rows, allow=allow, quiet=quiet, policy=policy)


def examine(
    setup: Setup,
    *,
    rows: int = ROWS,
    allow: Collection[str] = (),
    quiet: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> Preflight:
    """Look at a training run; see [`preflight`]."""
    named = {each: faults.find(each) for each in ([allow] if isinstance(allow, str) else allow)}
    if unknown := sorted(name for name, fault in named.items() if fault is None):
        raise UsageError(
            f"there is no fault {unknown[0]!r} to allow", cure="`templatefix rules` lists them all."
        )
    if not hasattr(setup.text_tokenizer, "decode"):
        raise UsageError("there is no tokenizer to decode the rows with", cure="pass `tokenizer=`.")
    reference = Reference.of(setup, policy)
    scanned = scan(setup, () if isinstance(reference, str) else reference.learned.leads)
    seen = Seen(setup, reference, scanned, look(setup, reference, scanned, rows))
    found = tuple(each for each in findings(seen) if each.fault not in named.values())
    result = Preflight(found, checklist(seen))
    if not quiet:
        print(result, file=sys.stderr)
    return result
