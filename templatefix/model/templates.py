"""Templates, where they come from, and what they render."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from templatefix.model.text import Span

Message = dict[str, Any]


Conversation = Sequence[Message]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model on the Hugging Face Hub, at one commit.

    Args:
        repo (`str`): `org/name`.
        revision (`str`): The branch or tag that was asked for.
        sha (`str`): The commit.
        name (`str`): The file's path in the repository.
        cached (`bool`): Whether the Hub was not reached, and the commit is the last one known.
    """

    repo: str
    revision: str
    sha: str
    name: str
    cached: bool = False

    def __str__(self) -> str:
        return f"{self.repo}@{self.sha[:8]}/{self.name}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a template was found.

    Args:
        path (`str`): File path, `-` for standard input, or a description such as `<Qwen2Tokenizer>`.
        pointer (`str`, *optional*): RFC 6901 JSON pointer of the string within the file; empty for a plain file.
        hub (`HubFile`, *optional*): Which file of the Hub it is; `path` is then a copy in the cache.
    """

    path: str
    pointer: str = ""
    hub: HubFile | None = None

    @property
    def place(self) -> str:
        """The file as people know it: on the Hub, or by its path."""
        return str(self.hub) if self.hub else self.path

    def __str__(self) -> str:
        return f"{self.place}#{self.pointer}" if self.pointer else self.place


@dataclass(frozen=True, slots=True)
class Template:
    """One chat template with its exact text and place.

    Args:
        source (`str`): The text exactly as stored, line ends included.
        name (`str`): The variant's name; `default` is the one used without tools.
        origin (`Origin`): The file and JSON pointer it came from.
        effective (`bool`): Whether transformers would use this one, or another file shadows it.
        variables (`Mapping[str, str]`): Special tokens that transformers passes to the render, for example
            `bos_token`.
        special_tokens (`tuple[str, ...]`): Texts that the tokenizer holds as one token, as far as it is known.
    """

    source: str
    name: str = "default"
    origin: Origin = Origin("<template>")
    effective: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
    special_tokens: tuple[str, ...] = ()

    @classmethod
    def from_source(cls, source: str, *, name: str = "default", **variables: str) -> Template:
        """Make a template from its text.

        Args:
            source (`str`): Jinja source.
            name (`str`): The variant's name.
            variables (`str`): Special tokens, for example `eos_token="</s>"`.
        """
        return cls(source, name=name, variables=variables)

    @property
    def label(self) -> str:
        """The origin, with the variant's name where it is not the default."""
        return str(self.origin) if self.name == "default" else f"{self.origin} ({self.name})"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered conversation and the spans that its generation blocks cover.

    Args:
        text (`str`): The rendered conversation.
        spans (`tuple[Span, ...]`): Character spans into `text`, in order.
        lines (`tuple[int, ...]`): The 1-based line of each span's marker; empty where it is not known.
    """

    text: str
    spans: tuple[Span, ...] = ()
    lines: tuple[int, ...] = ()
