"""Which tokens stand round answers, learned from small conversations that a proven template renders."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from templatefix.errors import RenderError
from templatefix.probes import Probe, given
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.tokens.encoding import Tokens, belonging, encode

Ids = tuple[int, ...]
Spans = tuple[tuple[int, int], ...]


def _talk(one: str, other: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": one},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": other},
        {"role": "assistant", "content": "Yes."},
    ]


def _tool_talk(asked: str, result: str, arguments: Any) -> list[dict[str, Any]]:
    call = {"id": "call00001", "type": "function", "function": {"name": "now", "arguments": arguments}}
    return [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "name": "now", "tool_call_id": "call00001", "content": result},
        {"role": "assistant", "content": "Yes."},
    ]


TALK = _talk("Hello?", "Once more.")
_TALKS = (
    (TALK, _talk("Good day!", "What else, then")),
    *(
        (_tool_talk("Hello?", "12", each), _tool_talk("Good day!", "noon.", each))
        for each in ({"zone": "UTC"}, '{"zone": "UTC"}')
    ),
)


@dataclass(frozen=True, slots=True)
class Learned:
    """The tokens that stand round answers.

    Args:
        opener (`tuple[int, ...]`): The tokens of a generation prompt.
        leads (`tuple[tuple[int, ...], ...]`): What stands before answers, whatever was said before; long ones first.
        stops (`frozenset[int]`): The tokens that close an answer.
        closers (`frozenset[int]`): Those, and the ones that close a tool call.
        begins (`frozenset[int]`): The tokens that conversations begin with.
    """

    opener: Ids
    leads: tuple[Ids, ...]
    stops: frozenset[int]
    closers: frozenset[int]
    begins: frozenset[int]

    def lead(self, ids: Ids, at: int) -> int:
        """Return how many tokens from a place on stand before an answer; 0 if it is no such place.

        Where a row begins nothing closes the turn before.
        """
        leads = self.leads if at else (*self.leads, self.opener)
        return next((len(each) for each in leads if ids[at : at + len(each)] == each), 0)


def learn(tokenizer: Any, renderer: Renderer) -> Learned:
    """Learn the tokens round answers.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): A fast tokenizer.
        renderer ([`Renderer`]): The template with proven markers.

    Raises:
        RenderError: See [`tokens_of`].
    """
    ids, spans = tokens_of(tokenizer, renderer, given(TALK))
    plain, asked = (renderer.render(TALK[:1], add_generation_prompt=each).text for each in (False, True))
    gained = asked[len(plain) :] if asked.startswith(plain) else ""
    opener = encode(tokenizer, gained).ids if gained else ()
    pairs = [*_pairs(tokenizer, renderer)]
    leads = {
        _ending(one[0][: a[0]], other[0][: b[0]])
        for one, other in pairs
        for a, b in zip(one[1], other[1], strict=False)
    }
    closers = {one[0][end - 1] for one, _ in pairs for _, end in one[1]}
    stops = frozenset(ids[end - 1] for _, end in spans)
    begins = frozenset({ids[0], *_begun(tokenizer, renderer)})
    return Learned(opener, tuple(sorted(leads - {()}, key=len, reverse=True)), stops, stops | closers, begins)


def _pairs(tokenizer: Any, renderer: Renderer) -> Iterator[tuple[tuple[Ids, Spans], tuple[Ids, Spans]]]:
    """Conversations that differ in what users and tools say, where the template takes them."""
    for one, other in _TALKS:
        try:
            yield tokens_of(tokenizer, renderer, given(one)), tokens_of(tokenizer, renderer, given(other))
        except RenderError:
            continue


def _ending(one: Ids, other: Ids) -> Ids:
    """The tokens that two rows end with in common."""
    size = 0
    while size < min(len(one), len(other)) and one[-size - 1] == other[-size - 1]:
        size += 1
    return one[len(one) - size :]


def _begun(tokenizer: Any, renderer: Renderer) -> Iterator[int]:
    """The first token of a conversation with a system message, where the template takes one."""
    try:
        text = renderer.render([{"role": "system", "content": "Be kind."}, *TALK]).text
    except RenderError:
        return
    yield encode(tokenizer, text).ids[0]


def tokens_of(
    tokenizer: Any, renderer: Renderer, probe: Probe
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Return the token ids of a conversation, and where each marked span begins and ends in them.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): A fast tokenizer.
        renderer ([`Renderer`]): The template with markers.
        probe (`Probe`): The conversation.

    Raises:
        RenderError: The template raises, or the tokenizer does not say which characters a token covers.
    """
    rendered = renderer.render(probe.messages, **probe.arguments)
    tokens = encode(tokenizer, rendered.text)
    begins = [start for start, _ in tokens.ranges]
    found = []
    for span in merged(rendered.spans):
        first, last = bisect_right(begins, span.start), bisect_left(begins, span.end)
        while first and (tokens.ranges[first - 1][1] > span.start or _is_empty(tokens.ranges[first - 1])):
            first -= 1
        part = Tokens(tokens.ids[first:last], tokens.ranges[first:last], tokens.real[first:last])
        places = [at for at, bit in enumerate(belonging(part, rendered.text, [span])[0], first) if bit]
        if places:
            found.append((places[0], places[-1] + 1))
    return tokens.ids, tuple(found)


def _is_empty(characters: tuple[int, int]) -> bool:
    return characters[0] == characters[1]
