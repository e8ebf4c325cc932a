"""Errors that a user can meet. Each carries what happened, where, and the cure."""

from __future__ import annotations


class TemplateFixError(Exception):
    """Base of all errors that templatefix raises on purpose.

    Args:
        what (`str`): What happened, in one sentence.
        where (`str`, *optional*): The file, JSON pointer and line it happened at.
        cure (`str`, *optional*): What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f"\n  cure: {self.cure}" if self.cure else ""
        return f"{place}{self.what}{cure}"


class UsageError(TemplateFixError):
    """The call itself makes no sense: contradicting options, an unknown rule code."""


class SourceError(TemplateFixError):
    """A target could not be read or holds no chat template."""


class SyntaxProblem(TemplateFixError):
    """A chat template that Jinja cannot parse.

    Args:
        message (`str`): The parser's own words.
        line (`int`): 1-based line of the template.
    """

    def __init__(self, message: str, line: int, *, where: str = "") -> None:
        place = f"{where}:{line}" if where else f"line {line}"
        super().__init__(
            f"the chat template does not parse: {message}",
            where=place,
            cure="transformers cannot render this template either; correct the line and try again.",
        )
        self.message = message
        self.line = line


class WriteError(TemplateFixError):
    """A result could not be written; nothing was changed on disk, unless the message names a file."""


class DataError(TemplateFixError):
    """A row of training data that has not the form it needs; names the row, the message and the cure."""


class HubError(TemplateFixError):
    """The Hugging Face Hub was not reached, or did not do what was asked."""


class RefusedError(TemplateFixError):
    """Nothing was changed, for no patch is proven."""


class PreflightError(TemplateFixError):
    """A training run would train on the wrong tokens."""


class RegistryError(TemplateFixError):
    """A patch file of the registry is malformed."""


class RenderError(TemplateFixError):
    """A template raised, or went over its limits, on one conversation.

    Args:
        what (`str`): What it raised.
        line (`int`): 1-based line of the template that raised; 0 where that is not known.
        missing (`str`): The variable or key that the template asks for and does not get; empty if that is not why.
    """

    def __init__(self, what: str, *, line: int = 0, missing: str = "") -> None:
        super().__init__(what)
        self.line = line
        self.missing = missing


class LimitError(RenderError):
    """A render takes too long, or makes too much."""
