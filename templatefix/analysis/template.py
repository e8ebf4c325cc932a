"""One template, parsed once and rendered once for each conversation; see [`TemplateAnalysis`]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from jinja2 import nodes

from templatefix.analysis.aliases import find_aliases
from templatefix.analysis.trace import Trace
from templatefix.analysis.view import Tools, View
from templatefix.errors import LimitError, RenderError
from templatefix.model import Conversation, Message
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe, asked_variables, values_for
from templatefix.render import Renderer
from templatefix.render.traced import TracedTemplate
from templatefix.syntax import Source

ASK: Message = {"role": "user", "content": "What is the capital of France?"}
ANSWER: Message = {"role": "assistant", "content": "Paris."}
"""A plain question and its answer. Their texts are found by origin, so any would do."""

_Render = TypeVar("_Render", str, Trace)
_Prompt = tuple[str, bool]


class TemplateAnalysis:
    """What is known of one template: its tree, its renders, and the variables that matter.

    Args:
        source (`Source`): The template; its markers have no effect here.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        special_tokens (`Sequence[str]`): Texts that the tokenizer holds as one token, where there is a tokenizer.
    """

    def __init__(
        self, source: Source, variables: Mapping[str, Any] | None = None, special_tokens: Sequence[str] = ()
    ) -> None:
        self.source = source
        self.variables: Mapping[str, Any] = PLACEHOLDERS if variables is None else variables
        self.special_tokens = tuple(token for token in special_tokens if token)
        self.renderer = Renderer(source.text, self.variables)
        self._plain: dict[Any, str | RenderError] = {}
        self._traced: dict[Any, Trace | RenderError] = {}
        self._kept: list[Any] = []  # keys hold identities
        self.known_shapes: dict[Any, Any] = {}
        self.prompt_variables: set[str] = set()
        self.role_headers: dict[str, str] = {}

    @cached_property
    def _tracer(self) -> TracedTemplate:
        return TracedTemplate(self.source, self.variables)

    def view(
        self, messages: Conversation, tools: Tools = None, options: Mapping[str, Any] | None = None
    ) -> View:
        """Return a conversation as this template renders it."""
        return View(self, list(messages), tools, dict(options or {}))

    def plain(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> str | None:
        """Return the plain render of a conversation; `None` where the template raises.

        Raises:
            LimitError: The render went over a limit.
        """
        key = self._key(messages, tools, prompt, options)
        if key not in self._plain:
            chosen = {**self.defaults, **options}
            self._kept.append((list(messages), tools))
            try:
                self._plain[key] = self.renderer.render(
                    messages, tools=list(tools) if tools else None, add_generation_prompt=prompt, **chosen
                ).text
            except RenderError as error:
                self._plain[key] = error
        return _or_none(self._plain[key])

    def traced(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> Trace | None:
        """Return the traced render of a conversation; `None` where the template raises.

        Raises:
            LimitError: The render went over a limit, or the traced text is not the plain one.
        """
        key = self._key(messages, tools, prompt, options)
        if key not in self._traced:
            self._traced[key] = self._compare(messages, tools, prompt, options)
        return _or_none(self._traced[key])

    def observed(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> Trace | None:
        """Return a traced render that is not compared with the plain one: to see what runs, not to infer from it.

        It is not kept: most that are only looked at are not rendered again, and traces are large.

        Raises:
            LimitError: The render went over a limit.
        """
        known = self._traced.get(self._key(messages, tools, prompt, options))
        return _or_none(known or self._trace(messages, tools, prompt, options))

    def _trace(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> Trace | RenderError:
        given = {**self.defaults, **options}
        tools = list(tools) if tools else None
        try:
            return Trace(self._tracer.render(messages, tools=tools, add_generation_prompt=prompt, **given))
        except RenderError as error:
            return error

    def _compare(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> Trace | RenderError:
        text = self.plain(messages, tools, prompt, options)
        trace = self._trace(messages, tools, prompt, options)
        if isinstance(trace, LimitError):
            return trace
        if isinstance(trace, RenderError):
            return trace if text is None else LimitError(f"the traced render raises {trace.what}")
        if trace.text != text:
            return LimitError("the template prints another text each time it is rendered")
        return trace

    def error(
        self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]
    ) -> RenderError | None:
        """Return what a plain render raises."""
        try:
            if self.plain(messages, tools, prompt, options) is not None:
                return None
        except LimitError as error:
            return error
        found = self._plain[self._key(messages, tools, prompt, options)]
        return found if isinstance(found, RenderError) else None

    def _key(self, messages: Conversation, tools: Tools, prompt: bool, options: Mapping[str, Any]) -> Any:
        read = sorted((name, repr(value)) for name, value in options.items() if self.renderer.reads(name))
        return (*map(id, messages), id(tools), prompt, *read)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Variables without which a plain conversation does not render, each with a value that helps."""
        found: dict[str, Any] = {}
        names = asked_variables(self.source)
        for _ in names:
            if self._renders(found):
                return found
            for name, value in _values(self.source, [each for each in names if each not in found]):
                if self._renders({**found, name: value}):
                    return {**found, name: value}
            missing = self._missing(found)
            if missing not in names or missing in found:
                return {}
            found[missing] = "Word"
        return found if self._renders(found) else {}

    def _renders(self, options: Mapping[str, Any]) -> bool:
        return any(self.renderer.text(messages, **options) is not None for messages in ([ASK, ANSWER], [ASK]))

    def _missing(self, options: Mapping[str, Any]) -> str:
        try:
            self.renderer.render([ASK, ANSWER], **options)
        except RenderError as error:
            return error.missing
        return ""

    @cached_property
    def aliases(self) -> tuple[str, ...]:
        """Roles that the template renders exactly like `assistant`."""

        def text(messages: Conversation, like: Probe, prompt: bool) -> str | None:
            try:
                return self.plain(messages, like.tools, prompt, like.options)
            except LimitError:
                return None

        return find_aliases(self.source, text)

    @cached_property
    def settings(self) -> tuple[Mapping[str, Any], ...]:
        """The variables, one value each, that change what a generation prompt prints after a question or a tool."""
        found: list[Mapping[str, Any]] = [{}]
        plain = self._prompts({})
        seen = {plain}
        switches = [("enable_thinking", value) for value in (True, False)]
        for name, value in (*switches, *_values(self.source, asked_variables(self.source))):
            prompts = self._prompts({name: value})
            if prompts[0] is None:
                continue
            if prompts != plain:
                self.prompt_variables.add(name)
            if prompts not in seen:
                seen.add(prompts)
                found.append({name: value})
        return tuple(found)

    def _prompts(self, options: Mapping[str, Any]) -> tuple[_Prompt | None, _Prompt | None]:
        try:
            behind_result = self._prompt(*self._result, options)
        except LimitError:  # of a conversation that a turn's start does not hang on; the judge renders it too
            behind_result = None
        return self._prompt([self.ask], None, options), behind_result

    def _prompt(self, chat: Conversation, tools: Tools, options: Mapping[str, Any]) -> _Prompt | None:
        """What is printed behind a conversation, and whether it is printed unasked."""
        asked, unasked = (self.traced(chat, tools, prompt, options) for prompt in (True, False))
        own = asked.own(len(chat) - 1) if asked else []
        if asked is None or not own:
            return None
        return asked.text[own[-1][1] :], unasked is not None and unasked.text == asked.text

    @cached_property
    def words(self) -> frozenset[str]:
        """The text constants in the template's expressions: a role among them is named."""
        return frozenset(
            each.value for each in self.source.tree.find_all(nodes.Const) if isinstance(each.value, str)
        )

    @cached_property
    def reads_roles(self) -> bool:
        """Whether the role of a message matters; some templates take turns by position alone."""
        swapped = [{**self.ask, "role": "assistant"}, {**self.answer, "role": "user"}]
        one, other = (self.plain(chat, None, False, {}) for chat in (self._dialogue, swapped))
        return one is None or one != other

    @cached_property
    def _dialogue(self) -> Conversation:
        """A plain question and its answer, in the format that the template prints."""
        for chat in ([ASK, ANSWER], [_in_parts(ASK), _in_parts(ANSWER)]):
            try:
                render = self.traced(chat, None, False, {})
            except LimitError:
                continue
            if render is not None and render.own(1):
                return chat
        return [ASK, ANSWER]

    @property
    def ask(self) -> Message:
        """A plain question."""
        return self._dialogue[0]

    @property
    def answer(self) -> Message:
        """A plain answer."""
        return self._dialogue[1]

    @cached_property
    def _result(self) -> tuple[Conversation, Tools]:
        """A question, a call and its result, with the tools on offer."""
        like = next(each for each in MATRIX if each.name == "tool call, then the tool")
        return like.messages, like.tools


def _in_parts(message: Message) -> Message:
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def _or_none(found: _Render | RenderError) -> _Render | None:
    if isinstance(found, LimitError):
        raise found
    return None if isinstance(found, RenderError) else found


def _values(source: Source, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        for value in dict.fromkeys(
            (True, False, *(v for v in values_for(source, name) if isinstance(v, str)))
        ):
            yield name, value
