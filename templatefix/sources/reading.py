"""`read`: any target to its templates."""

from __future__ import annotations

import os

from templatefix.errors import SourceError, UsageError
from templatefix.hub import HubId, hub_id
from templatefix.model import Origin, Template
from templatefix.sources.files import STDIN, decode, read_bytes, read_stdin, spell, tokenizer_cure
from templatefix.sources.folder import is_additional, read_folder, with_tokens
from templatefix.sources.gguf import is_gguf, read_gguf
from templatefix.sources.jsontext import parse
from templatefix.sources.objects import HasChatTemplate, read_object
from templatefix.sources.variants import KEY, is_blank, variants

Target = str | os.PathLike[str] | HubId | Template | HasChatTemplate


def read(target: Target) -> tuple[Template, ...]:
    """Return the templates that a target holds, each with its exact text and place.

    Line ends and a byte order mark stay in the text. Of a directory all templates are returned, the
    effective ones first. A file that is named itself counts as effective, whatever lies beside it.

    Args:
        target (`str`, `os.PathLike`, `Template` or tokenizer): A `.jinja` or other text file, a JSON file
            with a `chat_template`, a `.gguf` model file, a model directory, `org/name` or `org/name@revision` on the
            Hub, `-` for standard input, a tokenizer or processor, or a `Template`, which is returned as it is.

    Raises:
        SourceError: The target could not be read or holds no chat template.
        HubError: The Hub was not reached, or refused.
        UsageError: The target is none of these.
    """
    if isinstance(target, Template):
        templates: tuple[Template, ...] = (target,)
    elif isinstance(target, str) and target == STDIN:
        templates = (Template(decode(read_stdin(), STDIN), origin=Origin(STDIN)),)
    elif (model := hub_id(target)) is not None:
        from templatefix.sources.hub import read_hub

        templates = read_hub(model)
    elif isinstance(target, str | os.PathLike):
        templates = _read_path(target)
    elif not isinstance(target, HubId) and hasattr(target, KEY):
        templates = read_object(target)
    else:
        raise UsageError(
            f"a chat template cannot be read from a {type(target).__name__}",
            cure="pass a path, a tokenizer or processor, or `Template.from_source(text)`.",
        )
    for template in templates:
        _require_content(template)
    return templates


def _read_path(target: str | os.PathLike[str]) -> tuple[Template, ...]:
    path = spell(os.fsdecode(target))
    if isinstance(target, str) and not os.path.exists(path):
        _explain_missing(target)
    if os.path.isdir(path):
        return read_folder(path)
    if is_gguf(path):
        return read_gguf(path)
    text = decode(read_bytes(path), path)
    if not path.lower().endswith(".json"):
        return (with_tokens(Template(text, _name(path), Origin(path))),)
    found = variants(parse(text, path).get(KEY), path)
    if not found:
        raise SourceError(
            "the JSON holds no `chat_template`",
            where=path,
            cure=tokenizer_cure(
                path, "name a file that does, or its directory: chat_template.jinja may be there."
            ),
        )
    return tuple(with_tokens(Template(one.text, one.name, Origin(path, one.pointer))) for one in found)


def _name(path: str) -> str:
    file = os.path.basename(path)
    return file.removesuffix(".jinja") if is_additional(path) and file.endswith(".jinja") else "default"


def _explain_missing(target: str) -> None:
    """Raise where `target` is clearly meant as something else than a path."""
    if "{%" in target or "{{" in target or "\0" in target or "\n" in target:
        raise SourceError(
            "this is the text of a template, not a path",
            cure="pass `Template.from_source(text)`, or pipe it in and name `-`.",
        )


def _require_content(template: Template) -> None:
    if is_blank(template.source):
        raise SourceError(
            "the chat template is empty, and transformers would render every conversation as nothing",
            where=template.label,
            cure="restore the template, or delete the empty one if another should be used.",
        )
