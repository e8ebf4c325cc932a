"""The spans of a probe on a tokenizer: do they part tokens, and does transformers mask the tokens of the spans?"""

from __future__ import annotations

from typing import Any

from templatefix.errors import RenderError
from templatefix.model import Check, Claim, Rendered
from templatefix.probes import Probe
from templatefix.tokens.encoding import (
    Tokens,
    belonging,
    drawn,
    encode,
    kept,
    masked,
    require_render,
    trained,
    unwrapped,
)


def token_checks(tokenizer: Any, source: str, probe: Probe, rendered: Rendered) -> list[Check]:
    """Judge the spans of one probe on a tokenizer: TOKEN_ALIGNED and TOKENS_TRUE.

    Args:
        tokenizer (`PreTrainedTokenizerBase` or `ProcessorMixin`): The tokenizer, which stays as it is.
        source (`str`): The template with markers.
        probe (`Probe`): The conversation.
        rendered (`Rendered`): Its render with `source` and the tokenizer's special tokens, and the true spans.
    """
    tokenizer = unwrapped(tokenizer)
    with kept(tokenizer):
        try:
            tokens = encode(tokenizer, rendered.text)
        except RenderError as error:
            claims = (Claim.TOKEN_ALIGNED, Claim.TOKENS_TRUE)
            return [Check(claim, probe.name, "undecided", detail=error.what) for claim in claims]
        return [
            token_aligned(tokenizer, probe, tokens, rendered),
            _tokens_true(tokenizer, source, probe, tokens, rendered),
        ]


def token_aligned(tokenizer: Any, probe: Probe, tokens: Tokens, rendered: Rendered) -> Check:
    """Judge whether each span begins and ends on a token's edge.

    An added token may swallow whitespace after it: it is the model's own, whatever follows. No marker can help where
    what a message says begins or ends with whitespace, and a token of whitespace alone straddles the edge, nor where
    another message's text ends at the edge, for no header stands between; a note says that.
    """
    said = [str(each.get("content")).strip() for each in probe.messages if each["role"] != "assistant"]
    before = tuple(text for text in said if text)
    added = set(getattr(tokenizer, "added_tokens_decoder", {}))
    text = rendered.text
    ranges = drawn(tokens, text)
    for span in rendered.spans:
        for edge, verb in ((span.start, "begins"), (span.end, "ends")):
            at = next((at for at, (start, end) in enumerate(ranges) if start < edge < end), None)
            if at is None or not len(span):
                continue
            start, end = ranges[at]
            if not text[start:end].strip() or (verb == "begins" and text.endswith(before, 0, edge)):
                continue
            if verb == "ends" and tokens.ids[at] in added and not text[edge:end].strip():
                continue
            token = tokenizer.decode([tokens.ids[at]])
            actual = text[min(start, span.start) : max(end, span.end)]
            detail = (
                f"the span {verb} inside the token {token!r}, which covers {text[start:edge]!r} before that edge and "
                f"{text[edge:end]!r} after it; mark whole tokens, ending in the token with which the model stops"
            )
            return Check(Claim.TOKEN_ALIGNED, probe.name, "fails", span.of(text), actual, detail)
    return Check(Claim.TOKEN_ALIGNED, probe.name, "holds")


def _tokens_true(tokenizer: Any, source: str, probe: Probe, tokens: Tokens, rendered: Rendered) -> Check:
    mask, doubtful = belonging(tokens, rendered.text, rendered.spans)
    expected = trained(tokenizer, tokens.ids, mask)
    try:
        require_render(tokenizer, source, probe.messages, probe.arguments)
    except RenderError as error:
        detail = f"transformers does not render this conversation: it raises {error.what}"
        return Check(Claim.TOKENS_TRUE, probe.name, "undecided", expected, error.what, detail)
    try:
        [(ids, theirs)] = masked(tokenizer, source, [probe.messages], options=probe.arguments)
    except RenderError as error:
        detail = f"transformers returns no mask: it raises {error.what}"
        return Check(Claim.TOKENS_TRUE, probe.name, "fails", expected, error.what, detail)
    actual = trained(tokenizer, ids, theirs)
    if ids != tokens.ids:
        detail = "transformers tokenizes another text than templatefix rendered"
        return Check(Claim.TOKENS_TRUE, probe.name, "undecided", expected, actual, detail)
    wrong = {at for at, (ours, their) in enumerate(zip(mask, theirs, strict=True)) if ours != their}
    if wrong - doubtful:
        detail = "transformers sets the mask on other tokens than those of the marked text"
        return Check(Claim.TOKENS_TRUE, probe.name, "fails", expected, actual, detail)
    if doubtful:
        token = tokenizer.decode([tokens.ids[min(doubtful)]])
        detail = f"the tokenizer's offsets do not tell whether the token {token!r} is of the marked text"
        return Check(Claim.TOKENS_TRUE, probe.name, "undecided", expected, actual, detail)
    return Check(Claim.TOKENS_TRUE, probe.name, "holds")
