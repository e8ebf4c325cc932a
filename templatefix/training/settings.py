"""The settings of a trainer that decide which tokens get a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What was set of that which makes labels; defaults are those of a plain trainer.

    Args:
        trl (`bool`): Whether it is an `SFTTrainer`, which prepares rows and labels itself.
        assistant_only (`bool`): `assistant_only_loss`.
        completion_only (`bool`): `completion_only_loss`, as the trainer resolved it.
        completion_asked (`bool`, *optional*): `completion_only_loss`, as it was set.
        max_length (`int`, *optional*): Where rows are cut, in tokens.
        packing (`str`): The packing strategy; empty without packing.
        text_field (`str`): `dataset_text_field`.
        formatting (`bool`): Whether there is a `formatting_func`.
        skipped (`bool`): `skip_prepare_dataset`.
        stops (`tuple[int, ...]`): Ids at which the model's generation config, or its config, stops.
        collator (`str`): The collator's class.
    """

    trl: bool = False
    assistant_only: bool = False
    completion_only: bool = False
    completion_asked: bool | None = None
    max_length: int | None = None
    packing: str = ""
    text_field: str = "text"
    formatting: bool = False
    skipped: bool = False
    stops: tuple[int, ...] = ()
    collator: str = ""


def read_settings(args: Any, collator: Any, trainer: Any) -> Settings:
    """Read settings where they are; a plain trainer has none of TRL's.

    Args:
        args (`TrainingArguments`, *optional*): The trainer's arguments.
        collator (`Callable`): What makes batches.
        trainer (`Trainer`, *optional*): The trainer.
    """
    asked = getattr(args, "completion_only_loss", None)
    packing = getattr(args, "packing_strategy", "bfd") if getattr(args, "packing", False) else ""
    options = getattr(args, "dataset_kwargs", None) or {}
    model = getattr(trainer, "model", None)
    return Settings(
        trl=hasattr(args, "assistant_only_loss"),
        assistant_only=bool(getattr(args, "assistant_only_loss", False)),
        completion_only=bool(getattr(trainer, "completion_only_loss", asked)),
        completion_asked=asked,
        max_length=getattr(args, "max_length", None),
        packing=packing,
        text_field=getattr(args, "dataset_text_field", "text"),
        formatting=getattr(trainer, "_formatting_func", None) is not None,
        skipped=bool(options.get("skip_prepare_dataset", False)),
        stops=_stops(getattr(model, "generation_config", None)) or _stops(getattr(model, "config", None)),
        collator=type(collator).__name__,
    )


def _stops(config: Any) -> tuple[int, ...]:
    """Ids at which generation stops."""
    found = getattr(config, "eos_token_id", None)
    return (found,) if isinstance(found, int) else tuple(found or ())
