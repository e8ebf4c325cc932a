"""What goes wrong beside the probes: a user's template and tokenizer run on conversations that bring faults out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from templatefix.errors import RenderError, SyntaxProblem
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.tokens.encoding import SLOW, belonging, encode, kept, masked, quiet, unwrapped
from templatefix.tokens.runs import Exposure, Pair, here, run
from templatefix.tokens.scenarios import PLAIN, SCENARIOS, TWO_TURNS

__all__ = ["Exposure", "exposures"]

_Check = Callable[[Pair], Iterator[Exposure]]
_BRACKETED = re.compile(r"<([|｜])[^<>|｜\s]{1,40}\1>")


def exposures(tokenizer: Any, source: str, options: Mapping[str, Any] | None = None) -> tuple[Exposure, ...]:
    """Run a template and a tokenizer on conversations that bring out known faults, and say which they have.

    A template that does not render a plain conversation, or marks nothing in it, is exposed to nothing. Where the
    mask of that conversation is wrong already, TOKENS_TRUE says so, and no fault of masks is named.

    Args:
        tokenizer (`PreTrainedTokenizerBase` or `ProcessorMixin`): The tokenizer, which is left as it was.
        source (`str`): The template with markers.
        options (`Mapping`, *optional*): Template variables such as `enable_thinking`.
    """
    inner = unwrapped(tokenizer)
    if not getattr(inner, "is_fast", False):
        what, _, cure = SLOW.partition("; ")
        return (Exposure("slow-tokenizer", what, cure),)
    try:
        renderer = Renderer(source, getattr(inner, "special_tokens_map", {}))
        pair = Pair(inner, source, renderer, options or {})
        rendered = pair.render(TWO_TURNS)
    except (RenderError, SyntaxProblem):
        return ()
    if not any(map(len, rendered.spans)):
        return ()
    with kept(inner):
        try:
            encode(inner, rendered.text)
        except RenderError as error:
            cure = "load the fast tokenizer from the model's own tokenizer.json"
            return (Exposure("offsets-unusable", error.what, cure),)
        return tuple(_found(tokenizer, pair).values())


def _found(tokenizer: Any, pair: Pair) -> dict[str, Exposure]:
    found: dict[str, Exposure] = {}
    checks: list[_Check] = [_double_bos, _end_in_pieces, _special_in_pieces]
    if not any(each.here for each in run(pair, PLAIN)):
        for each in (each for scenario in SCENARIOS for each in run(pair, scenario)):
            if each.here or each.name not in found:
                found[each.name] = each
        checks += [_overflowing, _threads]
        checks += [partial(_processor, tokenizer)] if pair.tokenizer is not tokenizer else []
    return found | {each.name: each for check in checks for each in _try(check, pair)}


def _try(check: _Check, pair: Pair) -> list[Exposure]:
    try:
        return list(check(pair))
    except RenderError:  # the template refuses the conversation, so it is not exposed
        return []


def _overflowing(pair: Pair) -> Iterator[Exposure]:
    tokens = encode(pair.tokenizer, pair.render(TWO_TURNS).text)
    cut = {"truncation": True, "max_length": max(2, len(tokens.ids) // 2)}
    try:
        pair.masked(TWO_TURNS, **cut, tokenizer_kwargs={"return_overflowing_tokens": True})
    except RenderError as error:
        detail = f"with return_overflowing_tokens, {here()} returns no mask: {error.what}"
        cure = "cut conversations into rows yourself, after the mask is made"
        yield Exposure("overflowing-tokens-break-mask", detail, cure)


def _threads(pair: Pair) -> Iterator[Exposure]:
    """Mask in one thread while another is within a render of the same template.

    A race would seldom be lost in so short a run, so the other thread's place is taken by the tracker it would hold.
    """
    from transformers.utils import chat_template_utils

    alone, answers = pair.masked(TWO_TURNS), list[Any]()
    compile_ = getattr(chat_template_utils, "_compile_jinja_template", None)
    track = getattr(compile_(pair.source).environment, "activate_tracker", None) if compile_ else None
    if track is None:
        return

    def work() -> None:
        try:
            answers.append(pair.masked(TWO_TURNS))
        except RenderError as error:
            answers.append(error.what)

    with track([], []):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    if answers != [alone]:
        what = f"raises {answers[0]}" if isinstance(answers[0], str) else "returns another mask"
        detail = (
            f"while another thread renders the same template, {here()} {what}, and the other loses its spans"
        )
        cure = "train with transformers 5.24 or later, or mask in processes and not in threads"
        yield Exposure("threads-lose-spans", detail, cure)


def _processor(processor: Any, pair: Pair) -> Iterator[Exposure]:
    """Mask by the processor, which has its own code for it."""
    rendered = pair.render(TWO_TURNS)
    tokens = encode(pair.tokenizer, rendered.text)
    mask, _ = belonging(tokens, rendered.text, rendered.spans)
    try:
        [(ids, theirs)] = masked(processor, pair.source, [TWO_TURNS], pair.options, tokenize=True)
        what = "masks other tokens than the marked ones" if ids == tokens.ids and list(theirs) != mask else ""
    except RenderError as error:
        what = f"returns no mask: {error.what}"
    if what:
        detail = f"on text alone, {type(processor).__name__}.apply_chat_template {what}, with {here()}"
        yield Exposure(
            "processor-breaks-mask",
            detail,
            "mask with `processor.tokenizer`, or pass a list of conversations",
        )


def _double_bos(pair: Pair) -> Iterator[Exposure]:
    bos, text = getattr(pair.tokenizer, "bos_token", None), pair.render(TWO_TURNS).text
    if not bos or not text.startswith(bos):
        return
    with quiet():
        ids = list(pair.tokenizer(text)["input_ids"])
    if ids[:2] == [pair.tokenizer.bos_token_id] * 2 and encode(pair.tokenizer, text).ids[1] != ids[0]:
        detail = f"the template prints {bos!r} and tokenizer(text) adds it again, which apply_chat_template does not"
        cure = "tokenize rendered text with add_special_tokens=False"
        yield Exposure("double-bos", detail, cure)


def _end_in_pieces(pair: Pair) -> Iterator[Exposure]:
    rendered = pair.render(TWO_TURNS)
    tokens = encode(pair.tokenizer, rendered.text)
    added = set(getattr(pair.tokenizer, "added_tokens_decoder", {}))
    for span in merged(rendered.spans):
        said = next(
            (str(each["content"]) for each in TWO_TURNS if str(each["content"]) in span.of(rendered.text)), ""
        )
        end = span.of(rendered.text).rpartition(said)[2].strip() if said else ""
        start = rendered.text.rfind(end, span.start, span.end)
        pieces = [
            token
            for token, (first, last) in zip(tokens.ids, tokens.ranges, strict=True)
            if first < start + len(end) and start < last
        ]
        if end and len(pieces) > 1 and pieces[-1] not in added:
            yield Exposure(
                "end-of-turn-in-pieces",
                f"the end of turn {end!r} is not one token but {[pair.tokenizer.decode([each]) for each in pieces]}, "
                "so generation does not stop by a token id",
                "use the tokenizer that belongs to this template, or add the end of turn to it as a special token",
            )
            return


def _special_in_pieces(pair: Pair) -> Iterator[Exposure]:
    texts = {match[0] for match in _BRACKETED.finditer(pair.render(TWO_TURNS).text)}
    pieces = {text: len(encode(pair.tokenizer, text).ids) for text in sorted(texts)}
    broken = [f"{text!r} ({count} tokens)" for text, count in pieces.items() if count > 1]
    if broken:
        yield Exposure(
            "special-token-in-pieces",
            f"the template prints {', '.join(broken)}, which this tokenizer does not have",
            "use the tokenizer that belongs to this template, or add these tokens and resize the embeddings",
        )
