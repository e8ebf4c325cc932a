"""Renders of a probe and of its beginnings, each made once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from templatefix.oracle.texts import Place, common_prefix, in_order, pieces, whole
from templatefix.probes import Probe, switches
from templatefix.render import Renderer


@dataclass
class View:
    """A probe as one template renders it.

    Args:
        renderer (`Renderer`): The template, without its markers' effect.
        probe (`Probe`): The conversation.
        cache (`dict`): Renders made so far; probes that begin with the same messages may share them.
    """

    renderer: Renderer
    probe: Probe
    cache: dict[Any, str | None] = field(default_factory=dict, repr=False)
    _prompts: dict[int, list[tuple[str, str]]] = field(default_factory=dict, repr=False)
    _places: dict[str, list[Place | None]] = field(default_factory=dict, repr=False)

    @property
    def full(self) -> str | None:
        """The render of the whole conversation, or `None` where the template raises."""
        return self.upto(len(self.probe.messages), False)

    def upto(self, count: int, prompt: bool, options: Mapping[str, Any] | None = None) -> str | None:
        """Render the first `count` messages, or return `None` where the template raises.

        Args:
            count (`int`): How many messages.
            prompt (`bool`): `add_generation_prompt`.
            options (`Mapping`, *optional*): Variables in place of the probe's own.
        """
        chosen = self.probe.options if options is None else options
        chosen = {name: value for name, value in chosen.items() if self.renderer.reads(name)}
        messages, tools = self.probe.messages[:count], self.probe.arguments["tools"]
        # Probes are made of the same message objects.
        key = (*map(id, messages), bool(tools), prompt, repr(sorted(chosen.items())))
        if key not in self.cache:
            self.cache[key] = self.renderer.text(
                messages, tools=tools, add_generation_prompt=prompt, **chosen
            )
        return self.cache[key]

    def prompts(self, count: int) -> list[tuple[str, str]]:
        """Return `(base, prompt)` after `count` messages, one for each setting of the thinking switch.

        `prompt` is the render with a generation prompt, `base` the part of it that stands without one.
        """
        if count in self._prompts:
            return self._prompts[count]
        pairs: list[tuple[str, str]] = []
        for options in switches(self.probe):
            without, prompt = self.upto(count, False, options), self.upto(count, True, options)
            if without is not None and prompt is not None:
                base = whole(prompt, common_prefix(without, prompt), without)
                if (prompt[:base], prompt) not in pairs:
                    pairs.append((prompt[:base], prompt))
        self._prompts[count] = pairs
        return pairs

    def heeds(self, turn: int) -> bool:
        """Whether a generation prompt adds anything after the messages before `turn`."""
        return any(prompt[len(base) :].strip() for base, prompt in self.prompts(turn))

    def depends(self, turn: int) -> bool:
        """Whether the render of the whole conversation changes with what a message says, in whatever form."""
        texts = self.probe.turns[turn].texts
        content = self.probe.messages[turn].get("content")
        if not isinstance(content, str) or not any(text in content for text in texts):
            return False
        for text in texts:
            content = content.replace(text, "Yarrow")
        messages = [*self.probe.messages]
        messages[turn] = {**messages[turn], "content": content}
        return View(self.renderer, replace(self.probe, messages=messages)).full != self.full

    def without(self, turn: int, texts: Collection[str], count: int | None = None) -> str | None:
        """The render of the first `count` messages where one does not say some texts, or `None` where it raises."""
        unique = [*self.probe.turns[turn].texts, *self.probe.turns[turn].quoted]
        message = _pruned(self.probe.messages[turn], texts, unique) or {}
        message = {"content": "", **message} if "content" in self.probe.messages[turn] else message
        messages = [*self.probe.messages[:turn], message, *self.probe.messages[turn + 1 :]][:count]
        return View(self.renderer, replace(self.probe, messages=messages)).full

    def gap(self, turn: int) -> tuple[str, str] | None:
        """What stands between a message's own text and that of the next one found, and the role of that one.

        Where messages follow and none is found, what stands behind it, and no role; `None` if nothing does.
        """
        full = self.full
        places = self.located(full) if full is not None else []
        after = next((at for at in range(turn + 1, len(places)) if places[at]), None)
        place, other = places[turn] if places else None, places[after] if after is not None else None
        if full is None or not place:
            return None
        if after is None and turn + 1 < len(places) and full[place[1] :].strip():
            return full[place[1] :], ""
        if after is None or not other:
            return None
        return full[place[1] : other[0]].removesuffix(self.padding(after)), self.probe.turns[after].role

    def framed(self, turn: int) -> bool:
        """Whether more of what a message says may follow its last text: the end of a call, or of parts as a list."""
        message = self.probe.messages[turn]
        return "tool_calls" in message or isinstance(message.get("content"), list)

    def padding(self, turn: int) -> str:
        """The whitespace with which a message's content begins."""
        content = self.probe.messages[turn].get("content")
        return content[: len(content) - len(content.lstrip())] if isinstance(content, str) else ""

    def plain(self, turn: int, *, parts: bool = False) -> bool:
        """Whether a message says one text and nothing else.

        Args:
            turn (`int`): Index of the message.
            parts (`bool`): Take a message of one text part for plain, rather than one of a text.
        """
        message, texts = self.probe.messages[turn], self.probe.turns[turn].texts
        content = message.get("content")
        if parts and isinstance(content, list) and len(content) == 1:
            content = content[0].get("text")
        return (
            set(message) == {"role", "content"}
            and isinstance(content, str)
            and [content.strip()] == list(texts)
        )

    def pieces(self, text: str, turn: int) -> list[Place]:
        """Return where a message's own texts stand, as `pieces` does; but its calls' names may stand there twice.

        Some templates print them again with what the tools answered.
        """
        texts = self.probe.turns[turn].texts
        calls = self.probe.messages[turn].get("tool_calls") or []
        names = [
            call["function"]["name"] for call in calls if isinstance(call, Mapping) and "function" in call
        ]
        return pieces(text, texts) or pieces(text, [each for each in texts if each not in names])

    def located(self, text: str) -> list[Place | None]:
        """Return where each message's own texts stand in a render.

        `None` for a message of which nothing is found, or something is found more than once or out of order.
        """
        if text not in self._places:
            self._places[text] = self._locate(text)
        return self._places[text]

    def _locate(self, text: str) -> list[Place | None]:
        places: list[Place | None] = []
        for index, message in enumerate(self.probe.messages):
            found = self.pieces(text, index)
            said = message.get("content")
            content = said.strip() if isinstance(said, str) else ""
            if found and content and text.count(content) == 1:  # more than the unique texts in it is its own
                at = text.find(content)
                found = [(min(at, found[0][0]), max(at + len(content), found[-1][1]))]
            places.append((found[0][0], found[-1][1]) if found else None)
        kept = in_order(places)
        return [place if at in kept else None for at, place in enumerate(places)]

    def aligned(self, text: str, other: str, turn: int) -> int | None:
        """Return by how much `other` is ahead of `text` from the last message before `turn` on.

        0 where `text` is a beginning of `other`. Where history before it was rewritten, the two are laid over
        each other at the last message before `turn` that both hold; `None` if they differ after it too.

        Args:
            text (`str`): A render of the messages before `turn`.
            other (`str`): Another render, of more messages.
            turn (`int`): Index of a message.
        """
        if other.startswith(text):
            return 0
        mine, theirs = self.located(text), self.located(other)
        for one, two in reversed(list(zip(mine[:turn], theirs[:turn], strict=True))):
            if one and two:
                return two[1] - one[1] if other.startswith(text[one[1] :], two[1]) else None
        return None


def _pruned(value: Any, texts: Collection[str], unique: Collection[str]) -> Any:
    """A value without what says some texts; `None` where nothing is left, or of an item of a list nothing unique."""
    if isinstance(value, Mapping):
        items = {key: _pruned(each, texts, unique) for key, each in value.items()}
        return {key: each for key, each in items.items() if each is not None or value[key] is None} or None
    if isinstance(value, list):
        left = [(each, _pruned(each, texts, unique)) for each in value]
        kept = [new for old, new in left if new == old or any(text in repr(new) for text in unique)]
        return kept or None
    return None if isinstance(value, str) and any(text in value for text in texts) else value
