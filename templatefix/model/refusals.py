"""Why a template is refused, in a form that programs can tell apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from templatefix.model.methods import Method
from templatefix.model.verdicts import Check, Verdict


class RefusalKind(StrEnum):
    """What stands in the way of a patch."""

    EMPTY = "empty"
    """There is no template."""
    DOES_NOT_PARSE = "does-not-parse"
    """It is no Jinja that transformers could compile."""
    NOT_A_CHAT_TEMPLATE = "not-a-chat-template"
    """It reads no messages, or prints none."""
    TOO_SLOW = "too-slow"
    """A short conversation goes over the limits of time or size."""
    RENDERS_NOTHING = "renders-nothing"
    """It raises on every probe conversation."""
    TEXT_DROPPED = "text-dropped"
    """What the assistant says is in no render."""
    QUOTED_AS_INPUT = "quoted-as-input"
    """The assistant's text is there for the model to judge, not to write: a guard, a judge, a reranker."""
    AMBIGUOUS = "ambiguous"
    """Renders do not tell where an assistant's turn begins or ends."""
    UNTESTED_OUTPUT = "untested-output"
    """A patch stands every test, but no probe reached an output that an assistant's turn may print."""
    UNSUPPORTED_SHAPE = "unsupported-shape"
    """The expected spans are known, and no placement of markers that the patcher knows gives them."""
    WRONG_MARKERS = "wrong-markers"
    """The markers that it has are refuted, and nothing better was proven."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a template was not patched.

    Args:
        kind (`RefusalKind`): What stands in the way.
        reason (`str`): The same for people, with what was found.
        line (`int`): 1-based line of the output, test or marker that stands in the way; 0 where none can be told.
        missing (`str`): The variable or key that the template asks for and does not get, where that is why.
    """

    kind: RefusalKind
    reason: str
    line: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to a patch that led nowhere.

    Args:
        reason (`str`): Why.
        line (`int`): 1-based line of the template before the patch; 0 where none is to blame.
        method (`str`, *optional*): How markers were placed; `None` where none could be.
        family (`str`): Name of the registry family, where one was used.
        verdict (`Verdict`): What the judge says of the patch; without checks where there was nothing to judge.
    """

    reason: str
    line: int = 0
    method: Method | None = None
    family: str = ""
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def check(self) -> Check | None:
        """The check that refutes the patch, or does not decide it."""
        return self.verdict.blame

    @property
    def faults(self) -> frozenset[str]:
        """Short names of all that is wrong with the patch, or undecided."""
        return frozenset(check.fault for check in self.verdict.bad)
