"""Which of the templates in a directory transformers uses, and which another file shadows.

Mirrors transformers 5.23: `PreTrainedTokenizerBase._from_pretrained`, `ProcessorMixin.get_processor_dict`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from templatefix.model import Template


class Place(Enum):
    """Where in a model directory a template can live."""

    JINJA = "chat_template.jinja"
    ADDITIONAL = "additional_chat_templates"
    TOKENIZER = "tokenizer_config.json"
    PROCESSOR = "processor_config.json"
    LEGACY = "chat_template.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """A template and the place it was found in."""

    place: Place
    template: Template


Slots = dict[str, Stored]
"""The template in each variant's name, as a loaded tokenizer or processor would hold it."""


def by_tokenizer(stored: Iterable[Stored]) -> Slots:
    """Return what a tokenizer loads: the files if there is one, and only else the inline templates."""
    kinds = _by_place(stored)
    # transformers resolves all of them in one dict, in which `chat_template_file` is the key of
    # chat_template.jinja: additional_chat_templates/file.jinja takes its place.
    jinja = kinds[Place.JINJA].get("default")
    files = ({"file": jinja} if jinja else {}) | kinds[Place.ADDITIONAL]
    slots = {"default": files.pop("file")} if "file" in files else {}
    return slots | files or kinds[Place.TOKENIZER]


def by_processor(stored: Iterable[Stored], *, has_legacy: bool) -> Slots:
    """Return what a processor loads. It never reads the inline templates of the tokenizer.

    Args:
        stored (`Iterable[Stored]`): All templates of the directory.
        has_legacy (`bool`): Whether there is a `chat_template.json`, with a template or without.
    """
    kinds = _by_place(stored)
    if has_legacy and kinds[Place.ADDITIONAL]:
        return {}  # transformers refuses to load the two together
    files = kinds[Place.LEGACY] if has_legacy else kinds[Place.ADDITIONAL] | kinds[Place.JINJA]
    return kinds[Place.PROCESSOR] or files


def _by_place(stored: Iterable[Stored]) -> dict[Place, Slots]:
    kinds: dict[Place, Slots] = {place: {} for place in Place}
    for one in stored:
        kinds[one.place][one.template.name] = one
    return kinds
