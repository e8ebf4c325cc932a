"""The preflight as a callback of a trainer."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from transformers import TrainerCallback

from templatefix.errors import UsageError
from templatefix.training.checking import ROWS, Preflight, examine
from templatefix.training.setup import Setup, read

logger = logging.getLogger(__name__)


class PreflightCallback(TrainerCallback):  # type: ignore[misc]
    """Look at a training run when it begins, and stop it if it would train on the wrong tokens.

    Args:
        trainer (`Trainer`, *optional*): The trainer. With it, rows are compared with their messages; a callback alone
            sees token ids only, and finds answers by the tokens that open and close them.
        warn (`bool`): Log what is found and go on.
        rows (`int`): How many rows to compare.
        allow (`Collection[str]`): Codes that are meant; see [`preflight`].

    Example:

    ```python
    trainer = SFTTrainer(...)
    trainer.add_callback(templatefix.training.PreflightCallback(trainer))
    trainer.train()
    ```
    """

    def __init__(
        self, trainer: Any = None, *, warn: bool = False, rows: int = ROWS, allow: Collection[str] = ()
    ) -> None:
        self.trainer = trainer
        self.warn = warn
        self.rows = rows
        self.allow = allow
        self.result: Preflight | None = None
        """What was found, once training has begun."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Look before the first step.

        Raises:
            PreflightError: An error was found, and `warn` is not set.
            UsageError: There is nothing to look at, and `warn` is not set.
        """
        try:
            setup = self._setup(args, given)
            self.result = examine(setup, rows=self.rows, allow=self.allow, quiet=True)
        except UsageError as error:
            if not self.warn:
                raise
            logger.warning("the preflight is left out: %s", error)
            return
        if self.result.findings and getattr(state, "is_world_process_zero", True):
            logger.warning("%s", self.result)
        if not self.warn:
            self.result.require()

    def _setup(self, args: Any, given: dict[str, Any]) -> Setup:
        if self.trainer is not None:
            return read(self.trainer)
        loader = given.get("train_dataloader")
        return read(getattr(loader, "base_dataloader", loader), given.get("processing_class"), args)
