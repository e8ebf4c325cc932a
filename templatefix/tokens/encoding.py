"""From character spans to tokens by our own rule, and by that of transformers.

A token belongs to a span if the two share a character. transformers is reached only through the object passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from templatefix.errors import RenderError
from templatefix.model import Conversation, Span

SLOW = (
    "a slow tokenizer does not say which characters a token covers, and transformers cannot build a mask with it; "
    "load the fast one: `AutoTokenizer.from_pretrained(…)` from a directory with a tokenizer.json"
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenized text.

    Args:
        ids (`tuple[int, ...]`): Token ids.
        ranges (`tuple[tuple[int, int], ...]`): The characters each token covers, as the tokenizer says.
        real (`tuple[bool, ...]`): Whether the token is of the text, and not padding.
    """

    ids: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    real: tuple[bool, ...]


def unwrapped(tokenizer: Any) -> Any:
    """Return the tokenizer of a processor, or the tokenizer itself."""
    inner = getattr(tokenizer, "tokenizer", None)
    return inner if hasattr(inner, "apply_chat_template") else tokenizer


def encode(tokenizer: Any, text: str, **options: Any) -> Tokens:
    """Tokenize a rendered text as `apply_chat_template` does, special tokens not added.

    Raises:
        RenderError: The tokenizer does not map tokens to characters, or not in their order.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise RenderError(SLOW)
    try:
        with quiet():
            out = tokenizer(
                text,
                add_special_tokens=False,
                return_offsets_mapping=True,
                return_attention_mask=True,
                **options,
            )
        ids, ranges = tuple(out["input_ids"]), tuple((start, end) for start, end in out["offset_mapping"])
        real = tuple(map(bool, out["attention_mask"]))
        starts = [start for (start, _), of_text in zip(ranges, real, strict=True) if of_text]
    except Exception as error:
        raise RenderError(f"the tokenizer raises {type(error).__name__}: {error}") from error
    if any(not 0 <= start <= end <= len(text) for start, end in ranges) or starts != sorted(starts):
        raise RenderError("the tokenizer's offsets are not in the order of the text, so tokens have no place")
    return Tokens(ids, ranges, real)


def belonging(tokens: Tokens, text: str, spans: Sequence[Span]) -> tuple[list[int], frozenset[int]]:
    """Return our mask, and the tokens of which the offsets do not tell whether they belong to a span.

    These are tokens of no width within a span, and tokens into which normalisation drew a span's first character.
    """
    mask, doubtful = [0] * len(tokens.ids), set()
    spans = [span for span in spans if len(span)]
    reach = drawn(tokens, text)
    for at, (start, end) in enumerate(tokens.ranges):
        if not tokens.real[at]:
            continue
        mask[at] = int(any(max(start, span.start) < min(end, span.end) for span in spans))
        if start == end and any(span.start <= start <= span.end for span in spans):
            doubtful.add(at)
        if not mask[at] and any(end <= span.start < reach[at][1] for span in spans):
            doubtful.add(at)
    return mask, frozenset(doubtful)


def drawn(tokens: Tokens, text: str) -> list[tuple[int, int]]:
    """Return the ranges with what normalisation drew in: an accent joins its letter, whose range stays as it was."""
    ranges = list(tokens.ranges)
    real = [at for at, of_text in enumerate(tokens.real) if of_text]
    for at, following in pairwise(real):
        start, end = ranges[at]
        while end < tokens.ranges[following][0] and not text[end].isspace():
            end += 1
        ranges[at] = (start, end)
    return ranges


def masked(
    tokenizer: Any,
    source: str,
    conversations: Sequence[Conversation],
    options: Mapping[str, Any],
    **more: Any,
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return ids and mask of each conversation, as transformers computes them; a single one not as a batch.

    Raises:
        RenderError: transformers raised, or its mask is not as long as its row.
    """
    batch = [list(each) for each in conversations]
    arguments = {**options, **more, "return_dict": True, "return_assistant_tokens_mask": True}
    try:
        with quiet():
            out = tokenizer.apply_chat_template(
                batch if len(batch) > 1 else batch[0], chat_template=source, **arguments
            )
        ids, masks = out["input_ids"], out["assistant_masks"]
        rows = list(zip(ids, masks, strict=True)) if len(batch) > 1 else [(ids, masks)]
        if len(batch) == 1 and len(ids) == 1 and isinstance(ids[0], list):
            rows = list(zip(ids, masks, strict=True))  # a processor's: a batch of one
        if any(not isinstance(token, int) for row, _ in rows for token in row):
            raise ValueError("the mask has an entry for each row and not for each token")
        return [(tuple(row), tuple(bit for _, bit in zip(row, mask, strict=True))) for row, mask in rows]
    except Exception as error:
        raise RenderError(f"{type(error).__name__}: {error}") from error


def require_render(tokenizer: Any, source: str, messages: Conversation, options: Mapping[str, Any]) -> None:
    """Check that transformers renders a conversation; it leaves out keys that hold `None`, which some templates need.

    Raises:
        RenderError: It does not.
    """
    try:
        tokenizer.apply_chat_template(list(messages), chat_template=source, tokenize=False, **options)
    except Exception as error:
        raise RenderError(f"{type(error).__name__}: {error}") from error


def trained(tokenizer: Any, ids: Sequence[int], mask: Sequence[int]) -> str:
    """Return the text of the masked tokens, run by run."""
    runs = groupby(zip(ids, mask, strict=True), key=lambda pair: pair[1])
    return " … ".join(tokenizer.decode([token for token, _ in run]) for on, run in runs if on)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from warning about what we do on purpose."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def kept(tokenizer: Any) -> Iterator[None]:
    """Put back what calls with truncation and padding change in a fast tokenizer."""
    sides = {
        name: getattr(tokenizer, name)
        for name in ("padding_side", "truncation_side")
        if hasattr(tokenizer, name)
    }
    backend = getattr(tokenizer, "backend_tokenizer", None)
    truncation, padding = getattr(backend, "truncation", None), getattr(backend, "padding", None)
    try:
        yield
    finally:
        for name, side in sides.items():
            setattr(tokenizer, name, side)
        if backend is not None:
            backend.enable_truncation(**truncation) if truncation else backend.no_truncation()
            backend.enable_padding(**padding) if padding else backend.no_padding()
