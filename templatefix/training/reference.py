"""The tokens that a row is expected to train: by proven markers, or by the tokens that open and close turns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from templatefix import api
from templatefix.errors import RenderError, SourceError, SyntaxProblem
from templatefix.model import DEFAULT_POLICY, Outcome, Policy, Template
from templatefix.probes import Probe, given
from templatefix.render import Renderer
from templatefix.syntax import parse
from templatefix.tokens.encoding import encode, kept, unwrapped
from templatefix.training.labels import IGNORED, Labels
from templatefix.training.learning import TALK, Learned, learn, tokens_of
from templatefix.training.proving import proven
from templatefix.training.setup import Setup


@dataclass(frozen=True, slots=True)
class ExpectedTokens:
    """The tokens of a row that are to be trained.

    Args:
        ids (`tuple[int, ...]`): The row's token ids.
        spans (`tuple[tuple[int, int], ...]`): Where each answer begins and ends, its end of turn included.
        headers (`frozenset[int]`): Tokens of the headers before them.
        begin (`int`): The first token of the completion, where the row has a prompt.
        whole (`bool`): Whether the row was rendered anew from its messages, and not only searched for turns.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    headers: frozenset[int]
    begin: int = 0
    whole: bool = True


@dataclass(frozen=True, eq=False)
class Reference:
    """A template whose markers are proven, and a tokenizer.

    Args:
        outcome ([`Outcome`]): What `fix` says of the template that labels are made with.
        tokenizer (`PreTrainedTokenizerBase`): The tokenizer.
        renderer ([`Renderer`]): The proven template.
        learned ([`Learned`]): The tokens that stand round answers.
        with_tools ([`Renderer`] or `str`, *optional*): The proven template for rows with tools, or why there is none,
            where it is another one.
    """

    outcome: Outcome
    tokenizer: Any
    renderer: Renderer
    learned: Learned
    with_tools: Renderer | str | None = None

    @classmethod
    def of(cls, setup: Setup, policy: Policy = DEFAULT_POLICY) -> Reference | str:
        """Return the reference for a training run and a policy, or the reason why there is none."""
        if setup.tokenizer is None:
            return "no tokenizer is known"
        tokenizer = unwrapped(setup.tokenizer)
        try:
            templates = api.read(setup.tokenizer)
        except SourceError as error:
            return error.what
        saved = api.main(templates)
        used = setup.template if isinstance(setup.template, str) else saved.source
        outcome = proven(replace(saved, source=used), policy=policy)
        if outcome.refusal is not None and saved.source != used:  # TRL's own; the one it stands for may do
            outcome = proven(saved, policy=policy)
        if outcome.refusal is not None:
            return f"the markers of the chat template are not proven: {outcome.reason}"
        renderer = Renderer(outcome.after, api.template_variables(saved, setup.tokenizer))
        with kept(tokenizer):
            try:
                learned = learn(tokenizer, renderer)
            except RenderError as error:
                return f"the chat template or the tokenizer is of no use here: {error.what}"
        named = {
            each.name: each for each in templates if each.effective and not isinstance(setup.template, str)
        }
        other = _with_tools(named["tool_use"], setup.tokenizer, policy) if "tool_use" in named else None
        return cls(outcome, tokenizer, renderer, learned, other)

    def expected(self, row: Mapping[str, Any]) -> ExpectedTokens | str:
        """Return what a row with messages is expected to train, or why that is not known.

        Args:
            row (`Mapping`): A row with `messages`, or with a conversational `prompt` and `completion`.
        """
        try:
            prompt, messages = conversation(row)
            tools = row.get("tools")
            tools = json.loads(tools) if isinstance(tools, str) else tools
            probe = given(messages, tools or None, dict(row.get("chat_template_kwargs") or {}))
            renderer = self.with_tools if tools and self.with_tools is not None else self.renderer
            if isinstance(renderer, str):
                return renderer
            with kept(self.tokenizer):
                ids, spans = tokens_of(self.tokenizer, renderer, probe)
                begin = 0
                if prompt:
                    asked = {**probe.arguments, "add_generation_prompt": True}
                    text = renderer.render(probe.messages[: len(prompt)], **asked).text
                    begin = _common(encode(self.tokenizer, text).ids, ids)
        except (RenderError, ValueError, KeyError, TypeError) as error:
            return f"the row does not render: {error}"
        headers = {at for start, _ in spans for at in self._header(ids, start)}
        return ExpectedTokens(ids, spans, frozenset(headers), begin)

    def found(self, ids: Sequence[int]) -> ExpectedTokens:
        """Return what a row of token ids is expected to train: from what opens answers to what closes turns next."""
        ids, spans, at = tuple(ids), [], 0
        while at < len(ids):
            size = self.learned.lead(ids, at)
            if not size:
                at += 1
                continue
            # Without its end the turn goes on behind the row.
            start, closers = at + size, self.learned.closers
            end = next((end for end in range(start, len(ids)) if ids[end] in closers), len(ids)) + 1
            spans.append((start, end))
            # The token that closes a turn may also be the first of what stands before the next.
            at = max(start, end - 1)
        headers = {at for start, _ in spans for at in self._header(ids, start)}
        return ExpectedTokens(ids, tuple(spans), frozenset(headers), whole=False)

    def _header(self, ids: Sequence[int], start: int) -> range:
        """The tokens before an answer that are those of the generation prompt: its end, or its beginning."""
        opener = self.learned.opener
        for size in range(min(len(opener), start), 0, -1):
            if tuple(ids[start - size : start]) in (opener[-size:], opener[:size]):
                return range(start - size, start)
        return range(start, start)


def _with_tools(template: Template, tokenizer: Any, policy: Policy) -> Renderer | str:
    outcome = proven(template, policy=policy)
    if outcome.refusal is not None:
        return f"the markers of the template {template.name!r} are not proven: {outcome.reason}"
    return Renderer(outcome.after, api.template_variables(template, tokenizer))


def labelled(template: Template, tokenizer: Any, probe: Probe | None = None) -> Labels:
    """Return the labels that a template's own markers give a conversation.

    Args:
        template ([`Template`]): A template with markers.
        tokenizer (`PreTrainedTokenizerBase` or `ProcessorMixin`): A fast tokenizer.
        probe (`Probe`, *optional*): The conversation; a probe of two turns if `None`.

    Raises:
        RenderError: See [`tokens_of`].
    """
    renderer = Renderer(parse(template.source).text, api.template_variables(template, tokenizer))
    inner = unwrapped(tokenizer)
    with kept(inner):
        ids, spans = tokens_of(inner, renderer, probe or given(TALK))
    within = {at for start, end in spans for at in range(start, end)}
    return Labels(ids, tuple(token if at in within else IGNORED for at, token in enumerate(ids)))


def conversation(row: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return the messages of a row's prompt, and all of its messages.

    Raises:
        KeyError: The row has no messages.
    """
    prompt, completion = row.get("prompt"), row.get("completion")
    if _is_talk(prompt) and _is_talk(completion):
        return list(prompt), [*prompt, *completion]  # type: ignore[arg-type, misc]
    messages = row.get("messages")
    if not _is_talk(messages):
        raise KeyError("no messages")
    return [], list(messages)  # type: ignore[arg-type]


def rendered(tokenizer: Any, source: str, messages: Sequence[Any]) -> str:
    """Return a conversation's text with a template, or why there is none."""
    variables = api.template_variables(api.main(api.read(tokenizer)), tokenizer)
    try:
        return Renderer(source, variables).render(given(messages).messages).text
    except (RenderError, SyntaxProblem) as error:
        return error.what


def has_conversation(row: Any) -> bool:
    """Whether a row holds messages."""
    if not isinstance(row, Mapping):
        return False
    return _is_talk(row.get("messages")) or (_is_talk(row.get("prompt")) and _is_talk(row.get("completion")))


def _is_talk(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and "role" in each for each in value)
    )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two rows begin with in common, as TRL finds where a completion begins."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
