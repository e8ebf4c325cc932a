"""The values that pass between the floors: frozen, plain, free of I/O."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Message = dict[str, Any]
Conversation = Sequence[Message]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range `[start, end)` of character offsets.

    Args:
        start (`int`): Offset of the first character.
        end (`int`): Offset after the last character.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def __bool__(self) -> bool:
        return True

    def of(self, text: str) -> str:
        """Return the part of `text` that this span covers."""
        return text[self.start : self.end]

    def holds(self, other: Span) -> bool:
        """Whether `other` lies wholly within this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters of `span` by `text`; an empty span inserts."""

    span: Span
    text: str


class Severity(StrEnum):
    """How much a finding hurts training."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Safety(StrEnum):
    """What an edit does to the rendered text."""

    SAFE = "safe"
    """Identical rendering."""
    UNSAFE = "unsafe"
    """A declared change of the rendered text."""
    DISPLAY = "display"
    """Shown to the user, never applied."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that cure a finding, and what they do to the rendered text."""

    edits: tuple[Edit, ...]
    safety: Safety
    description: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a template was found.

    Args:
        path (`str`): File path, `-` for standard input, or a description such as `<Qwen2Tokenizer>`.
        pointer (`str`, *optional*): RFC 6901 JSON pointer of the string within the file; empty for a plain file.
    """

    path: str
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.path}#{self.pointer}" if self.pointer else self.path


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
    """

    source: str
    name: str = "default"
    origin: Origin = Origin("<template>")
    effective: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)

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
class Finding:
    """Something wrong with a template, at an exact place.

    Args:
        code (`str`): Rule code, for example `GEN001`.
        rule (`str`): The rule's name, for example `missing-markers`.
        severity (`Severity`): How much it hurts.
        message (`str`): What was found and why it matters, one or two sentences.
        cure (`str`): What to do about it.
        template (`Template`): The template it was found in.
        span (`Span`): Offsets into the template's text after newlines are normalised to `\\n`.
        line (`int`): 1-based line of `span.start`.
        column (`int`): 1-based column of `span.start`.
        fix (`Fix`, *optional*): Edits that cure it.
    """

    code: str
    rule: str
    severity: Severity
    message: str
    cure: str
    template: Template
    span: Span
    line: int
    column: int
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        templates (`tuple[Template, ...]`): The templates that were read.
        findings (`tuple[Finding, ...]`): In order of template, line and code.
        rendered (`bool`): Whether masks were looked at, and not the source alone.
    """

    templates: tuple[Template, ...]
    findings: tuple[Finding, ...]
    rendered: bool = True

    @property
    def ok(self) -> bool:
        """Whether no finding is an error or a warning."""
        return all(finding.severity is Severity.INFO for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the published JSON form, as `templatefix audit --format json` prints it."""
        from templatefix import schema

        return schema.report(self)


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


class Claim(StrEnum):
    """What a verdict says about a template."""

    SAME_TEXT = "SAME_TEXT"
    """The patched template renders what the original renders, failures included."""
    EXACT_SPAN = "EXACT_SPAN"
    """Each generation span is the owed span of its assistant turn."""
    NO_LEAK = "NO_LEAK"
    """No text of another role lies inside a generation span."""
    STOP_TRAINED = "STOP_TRAINED"
    """The text with which the model stops lies inside a span, at its end."""
    CALLS_TRAINED = "CALLS_TRAINED"
    """Tool calls that the template renders lie inside a span."""
    REASONING_TRAINED = "REASONING_TRAINED"
    """Reasoning that the template renders lies inside a span."""
    TRACKER_TRUE = "TRACKER_TRUE"
    """The offsets that transformers tracks are those at which the text really stands."""
    PREFIX_STABLE = "PREFIX_STABLE"
    """What was rendered before a message stays as it was when the message is added."""
    PROMPT_IS_PREFIX = "PROMPT_IS_PREFIX"
    """A turn begins with what inference prepends to it."""
    TOKEN_ALIGNED = "TOKEN_ALIGNED"
    """Each span begins and ends where tokens do."""
    TOKENS_TRUE = "TOKENS_TRUE"
    """The mask that transformers returns is set on the tokens of the spans, and on no others."""

    @property
    def of_mask(self) -> bool:
        """Whether the claim is about the mask. The others are about the template, and decide no verdict."""
        return self not in (Claim.PREFIX_STABLE, Claim.PROMPT_IS_PREFIX)


Tri = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Where spans are expected to begin and end, where both are defensible.

    Args:
        header (`str`): `excluded`: the role header is outside; `included`: it is inside.
        prefill (`str`): Where a thinking prefill stands that only some modes of inference prepend: `inside`,
            `outside` or `either`.
        whitespace (`str`): `excluded`: whitespace after the end of turn is outside; `allowed`: it may be inside.
    """

    header: Literal["excluded", "included"] = "excluded"
    prefill: Literal["inside", "outside", "either"] = "either"
    whitespace: Literal["excluded", "allowed"] = "excluded"

    def __str__(self) -> str:
        return (
            f"header {self.header}; thinking prefill {self.prefill.replace('either', 'on either side')}; "
            f"end of turn inside; whitespace after it {self.whitespace}"
        )


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Check:
    """One claim, judged on one probe.

    Args:
        claim (`Claim`): What is claimed.
        probe (`str`): Name of the probe conversation.
        outcome (`str`): `holds`, `fails` or `undecided`.
        expected (`str`): The owed text where the claim does not hold.
        actual (`str`): The text found where the claim does not hold.
        detail (`str`): A sentence for people.
        line (`int`): 1-based line of the marker to blame; 0 if there is none.
        fault (`str`): A short name of what is wrong, such as `header-trained`, where it has one.
    """

    claim: Claim
    probe: str
    outcome: Tri
    expected: str = ""
    actual: str = ""
    detail: str = ""
    line: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Outputs in loops over messages that the probes did, or did not, make an assistant's turn print.

    Args:
        outputs (`int`): How many outputs an assistant's turn may reach, as far as the tests around them tell.
        marked (`tuple[int, ...]`): Lines of those not reached inside a generation block: right, but not tested.
        unmarked (`tuple[int, ...]`): Lines of those not reached outside one: a hole.
        others (`tuple[int, ...]`): Lines of outputs that no assistant's turn can reach, and no probe did at all.
    """

    outputs: int = 0
    marked: tuple[int, ...] = ()
    unmarked: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader of a verdict should know besides.

    Args:
        name (`str`): A short name that stays, such as `no-end-of-turn`.
        text (`str`): One sentence.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one template. A verdict without checks is `undecided`, never `holds`.

    Args:
        checks (`tuple[Check, ...]`): Every claim on every probe.
        policy (`Policy`): Where spans are expected to begin and end.
        notes (`tuple[Note, ...]`): What a reader should know besides, such as outputs that no probe reached.
        proven (`bool`): Whether SAME_TEXT is proven for every conversation, not only tested on the probes.
        coverage (`Coverage`): Which outputs the probes reached.
    """

    checks: tuple[Check, ...] = ()
    policy: Policy = DEFAULT_POLICY
    notes: tuple[Note, ...] = ()
    proven: bool = False
    coverage: Coverage = Coverage()

    @property
    def outcome(self) -> Tri:
        """`fails` if any check of the mask fails, else `holds` if there are some and none is undecided."""
        return _outcome(check for check in self.checks if check.claim.of_mask)

    def of(self, claim: Claim) -> Tri:
        """The outcome of one claim alone."""
        return _outcome(check for check in self.checks if check.claim is claim)

    @property
    def blame(self) -> Check | None:
        """The check to show first: a failed one, else an undecided one."""
        order = {"fails": 0, "undecided": 1}
        bad = [check for check in self.checks if check.claim.of_mask and check.outcome in order]
        return min(bad, key=lambda check: order[check.outcome], default=None)


def _outcome(checks: Iterable[Check]) -> Tri:
    outcomes = {check.outcome for check in checks}
    if "fails" in outcomes:
        return "fails"
    return "holds" if outcomes == {"holds"} else "undecided"


Method = Literal["registry", "wrap", "split", "guard", "partition", "capture"]
Status = Literal["correct", "patched", "refused"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed patch, not yet proven.

    Args:
        after (`str`): The patched source, newlines normalised to `\\n`.
        method (`str`): How it was found.
        edits (`tuple[Edit, ...]`): What turns the original into `after`.
        family (`str`): Name of the registry family; empty for a synthesised patch.
    """

    after: str
    method: Method
    edits: tuple[Edit, ...]
    family: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `fix` did to one template.

    Args:
        template (`Template`): The template as it was read.
        status (`str`): `correct` (nothing to do), `patched` or `refused`.
        after (`str`): The patched source in the original's own line ends; equal to `before` unless patched.
        method (`str`, *optional*): How the patch was found.
        verdict (`Verdict`): The evidence.
        reason (`str`): Why it was refused.
        family (`str`): Name of the registry family, where one was used.
    """

    template: Template
    status: Status
    after: str
    verdict: Verdict
    method: Method | None = None
    reason: str = ""
    family: str = ""

    @property
    def before(self) -> str:
        """The source as it was read."""
        return self.template.source

    def diff(self) -> str:
        """A unified diff of the template text; empty when nothing changed."""
        label = self.template.label
        return unified_diff(self.before, self.after, label, label)


def unified_diff(before: str, after: str, old: str, new: str) -> str:
    """Return a unified diff that `patch` and `git apply` accept, missing final newlines included.

    Args:
        before (`str`): The old text.
        after (`str`): The new text.
        old (`str`): Label of the old text.
        new (`str`): Label of the new text.
    """
    lines = difflib.unified_diff(_by_newline(before), _by_newline(after), f"a/{old}", f"b/{new}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _by_newline(text: str) -> list[str]:
    # str.splitlines would also split at U+2028 and form feeds, which `patch` does not.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
