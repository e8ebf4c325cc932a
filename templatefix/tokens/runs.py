"""Run a template and a tokenizer on one scenario, and say in words how the masks differ.

transformers 5.24 masks each token that overlaps a span. Until then it looked up two tokens for each span, and was
wrong in ways that are still met wherever an older one trains, so its rule is kept here and run on the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from templatefix.errors import RenderError
from templatefix.model import Rendered, Span
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.tokens.encoding import Tokens, belonging, encode, masked, require_render, trained
from templatefix.tokens.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Exposure:
    """A fault to which a template and a tokenizer are exposed, found by running them.

    Args:
        name (`str`): A short name that stays, such as `left-truncation-loses-spans`.
        detail (`str`): What happens, as it happened.
        cure (`str`): What to do about it.
        here (`bool`): Whether it happens with what is installed, and not only by the rule of transformers before
            5.24.
    """

    name: str
    detail: str
    cure: str
    here: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """A template and a tokenizer, and how to render with both."""

    tokenizer: Any
    source: str
    renderer: Renderer
    options: Mapping[str, Any]

    def render(self, messages: Any) -> Rendered:
        """Render a conversation with true spans."""
        return self.renderer.render(messages, **self.options)

    def masked(self, *conversations: Any, **more: Any) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Ids and masks as transformers computes them."""
        return masked(self.tokenizer, self.source, conversations, self.options, **more)


def run(pair: Pair, scenario: Scenario) -> Iterator[Exposure]:
    """Say whether transformers, or its rule before 5.24, masks other tokens of a scenario than ours.

    A scenario that the template or the tokenizer refuses says nothing.
    """
    padded = len(scenario.conversations) > 1 and scenario.side
    if padded and getattr(pair.tokenizer, "pad_token", None) is None:
        return
    try:
        rows = [pair.render(messages) for messages in scenario.conversations]
        for messages in scenario.conversations:
            require_render(pair.tokenizer, pair.source, messages, pair.options)
        whole = [encode(pair.tokenizer, row.text) for row in rows]
        theirs, mine = _how(pair, scenario, rows, whole)
        tokens = [encode(pair.tokenizer, row.text, **mine) for row in rows] if mine else whole
    except RenderError:
        return
    ours = [belonging(each, row.text, merged(row.spans)) for each, row in zip(tokens, rows, strict=True)]
    try:
        answers = pair.masked(*scenario.conversations, **theirs)
        if [ids for ids, _ in answers] != [each.ids for each in tokens]:
            return
        installed: list[Sequence[int]] | str = [mask for _, mask in answers]
    except RenderError as error:
        installed = error.what
    legacy = [before_5_24(each, row.spans) for each, row in zip(tokens, rows, strict=True)]
    old = "OverflowError" if None in legacy else [mask for mask in legacy if mask is not None]
    say = Wording(pair.tokenizer, tokens, ours)
    if say.differs(installed):
        yield Exposure(scenario.name, f"{scenario.when}, {here()} {say.what(installed)}", scenario.cure)
    elif say.differs(old):
        detail = (
            f"{scenario.when}, transformers before 5.24 {say.what(old)}; {here()}, installed here, does not"
        )
        yield Exposure(scenario.name, detail, scenario.cure, here=False)


def _how(
    pair: Pair, scenario: Scenario, rows: list[Rendered], whole: list[Tokens]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `apply_chat_template` and of the tokenizer that pad or cut as the scenario says."""
    if not scenario.side:
        return {}, {}
    if len(rows) > 1:
        pair.tokenizer.padding_side = scenario.side
        return {"padding": True}, {
            "padding": "max_length",
            "max_length": max(len(each.ids) for each in whole),
        }
    pair.tokenizer.truncation_side = scenario.side
    mask, _ = belonging(whole[0], rows[0].text, rows[0].spans)
    marked = [at for at, on in enumerate(mask) if on]
    if len(marked) < 2:
        raise RenderError("nothing to cut")
    # Cut within the first span from the left, and within the last from the right; the other stays whole.
    limit = len(mask) - marked[1] if scenario.side == "left" else marked[-1]
    cut = {"truncation": True, "max_length": limit}
    return cut, cut


@dataclass(frozen=True, slots=True)
class Wording:
    """Our masks of some rows, to tell others from them."""

    tokenizer: Any
    tokens: list[Tokens]
    ours: list[tuple[list[int], frozenset[int]]]

    def differs(self, masks: Sequence[Sequence[int]] | str) -> bool:
        """Whether masks, or the words of an error, are not ours; tokens in doubt do not count."""
        return isinstance(masks, str) or any(
            at not in doubtful and one != other
            for (mask, doubtful), theirs in zip(self.ours, masks, strict=True)
            for at, (one, other) in enumerate(zip(mask, theirs, strict=True))
        )

    def what(self, masks: Sequence[Sequence[int]] | str) -> str:
        """Say what masks train that differ from ours."""
        if isinstance(masks, str):
            return f"raises {masks}"
        rows = zip(self.tokens, self.ours, masks, strict=True)
        tokens, ours, theirs = next(
            (tokens, mask, theirs) for tokens, (mask, _), theirs in rows if tuple(mask) != tuple(theirs)
        )
        texts = (trained(self.tokenizer, tokens.ids, each) for each in (theirs, ours))
        return "trains {} and not {}".format(*(repr(text) if text else "nothing" for text in texts))


def here() -> str:
    """The transformers that is installed, by name."""
    return f"transformers {version('transformers')}"


def before_5_24(tokens: Tokens, spans: Sequence[Span]) -> list[int] | None:
    """Return the mask that transformers before 5.24 computes, or `None` where it raises.

    It looks up the first token of a span's first character and the first of its last: a missing first one ends the
    search, a missing last one, or one at 0, masks the rest of the row.
    """
    mask = [0] * len(tokens.ids)
    for span in spans:
        if span.end == 0:
            return None
        first, last = _token_at(tokens, span.start), _token_at(tokens, span.end - 1)
        if first is None:
            break
        for at in range(first, last + 1 if last else len(mask)):
            mask[at] = 1
    return mask


def _token_at(tokens: Tokens, char: int) -> int | None:
    return next((at for at, (start, end) in enumerate(tokens.ranges) if start <= char < end), None)
