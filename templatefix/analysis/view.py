"""One conversation of a template, rendered as it is and with interventions; see [`View`]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from templatefix.analysis.trace import Trace
from templatefix.model import Message

if TYPE_CHECKING:
    from templatefix.analysis.template import TemplateAnalysis

Tools = Sequence[dict[str, Any]] | None


@dataclass
class View:
    """One conversation, rendered with interventions.

    Args:
        analysis (`TemplateAnalysis`): The template.
        messages (`list[dict]`): The conversation.
        tools (`list[dict]`, *optional*): JSON schemas of the tools on offer.
        options (`Mapping`): Template variables.
    """

    analysis: TemplateAnalysis
    messages: list[Message]
    tools: Tools = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def render(
        self,
        messages: Sequence[Message] | None = None,
        prompt: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> Trace | None:
        """Render other messages with the same tools and variables, or these; `None` where the template raises.

        Args:
            messages (`list[dict]`, *optional*): Messages in place of these.
            prompt (`bool`): `add_generation_prompt`.
            options (`Mapping`, *optional*): Variables in place of these.
        """
        chosen = self.messages if messages is None else messages
        return self.analysis.traced(chosen, self.tools, prompt, self.options if options is None else options)

    @cached_property
    def settings(self) -> tuple[Mapping[str, Any], ...]:
        """The variables under which inference may open a turn: these, and those that change the generation prompt."""
        found: list[Mapping[str, Any]] = [self.options]
        settings, names = self.analysis.settings, self.analysis.prompt_variables
        kept = {name: value for name, value in self.options.items() if name not in names}
        for setting in settings:
            options = {**kept, **setting}
            if options not in found:
                found.append(options)
        return tuple(found)

    def of(self, messages: Sequence[Message]) -> View:
        """Return other messages with the same tools and variables."""
        return View(self.analysis, list(messages), self.tools, self.options)

    @cached_property
    def opening(self) -> str:
        """What is printed before the first question of a conversation; empty where that is not known."""
        render = self.analysis.traced([self.analysis.ask], None, False, self.options)
        return render.text[: render.own(0)[0][0]] if render is not None and render.own(0) else ""

    @property
    def full(self) -> Trace | None:
        """The render of the whole conversation."""
        return self.render()
