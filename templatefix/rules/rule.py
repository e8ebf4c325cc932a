"""What a rule is made of: its cases, the subject it looks at, the hits it yields."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from templatefix.errors import SyntaxProblem
from templatefix.model import DEFAULT_POLICY, Fix, Policy, Severity, Span, Template, Verdict
from templatefix.rules.markers import Marker, markers
from templatefix.rules.trial import tried
from templatefix.syntax import Source


@dataclass(frozen=True)
class Subject:
    """A template that parses, as a rule sees it.

    Args:
        template (`Template`): The template.
        source (`Source`): Its located tree; spans refer to `source.text`.
        siblings (`tuple[Subject, ...]`): The other variants of the target, without siblings of their own.
        beside (`tuple[Template, ...]`): All other templates of the target, used or not.
        policy ([`Policy`]): Which turns are to be trained, and where their spans begin.
    """

    template: Template
    source: Source
    siblings: tuple[Subject, ...] = ()
    beside: tuple[Template, ...] = ()
    policy: Policy = DEFAULT_POLICY

    @property
    def text(self) -> str:
        """The source with newlines normalised."""
        return self.source.text

    @cached_property
    def markers(self) -> tuple[Marker, ...]:
        """The `{% generation %}` blocks of the tree, in source order."""
        return markers(self.source)

    @cached_property
    def verdict(self) -> Verdict:
        """What the judge says of its masks and its text; undecided, with the reason, where it cannot be judged."""
        return tried(self.text, self.template, self.policy)

    def line(self, offset: int) -> int:
        """The 1-based line of a character offset."""
        return self.source.position(offset)[0]

    @property
    def marked_sibling(self) -> Subject | None:
        """A variant of the same target that has markers, the effective one first."""
        marked = [sibling for sibling in self.siblings if sibling.markers]
        return min(marked, key=lambda sibling: not sibling.template.effective, default=None)


@dataclass(frozen=True)
class Broken:
    """A template that does not parse.

    Args:
        text (`str`): The source with newlines normalised.
        problem (`SyntaxProblem`): What the parser says.
    """

    text: str
    problem: SyntaxProblem


@dataclass(frozen=True, slots=True)
class Hit:
    """One place that a rule objects to.

    Args:
        span (`Span`): What to underline.
        message (`str`): What was found and why it matters, one or two sentences.
        severity (`Severity`, *optional*): Where it differs from the rule's.
        fix (`Fix`, *optional*): Edits that cure it.
    """

    span: Span
    message: str
    severity: Severity | None = None
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A template and what the rule says about it.

    Args:
        source (`str`): The template.
        underlined (`tuple[str, ...]`): The text under each finding, in order; empty for a good case.
        severity (`Severity`, *optional*): Of all the findings, where it differs from the rule's.
        siblings (`tuple[str, ...]`): Other variants of the same target.
        effective (`bool`): Whether transformers would use this variant.
        place (`str`): The file it lies in.
        name (`str`): The variant's name.
        beside (`tuple[Template, ...]`): Other templates of the same target, with their places.
    """

    source: str
    underlined: tuple[str, ...] = ()
    severity: Severity | None = None
    siblings: tuple[str, ...] = ()
    effective: bool = True
    place: str = "<template>"
    name: str = "default"
    beside: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True)
class Cases:
    """The examples of a rule, which are its tests.

    Args:
        good (`tuple[Case, ...]`): Templates without a finding.
        bad (`tuple[Case, ...]`): Templates with findings; `explain` shows the first.
    """

    good: tuple[Case, ...]
    bad: tuple[Case, ...]


def _silent(_: object) -> Iterable[Hit]:
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Its documentation is the docstring of the module that makes it.

    Args:
        code (`str`): For example `GEN001`; never reused.
        name (`str`): The pattern found, for example `missing-markers`.
        severity (`Severity`): The worst it reports.
        cure (`str`): What to do about a finding.
        cases (`Cases`): Examples, which are its tests.
        check (`Callable`): Yields hits for a template that parses.
        check_broken (`Callable`): Yields hits for a template that does not parse.
        renders (`bool`): Whether it asks for the verdict, so that the template is rendered.
    """

    code: str
    name: str
    severity: Severity
    cure: str
    cases: Cases
    check: Callable[[Subject], Iterable[Hit]] = _silent
    check_broken: Callable[[Broken], Iterable[Hit]] = _silent
    renders: bool = False

    @property
    def documentation(self) -> str:
        """The docstring of the rule's module: a summary line and sections."""
        check = self.check if self.check is not _silent else self.check_broken
        return inspect.getdoc(sys.modules[check.__module__]) or ""

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.documentation.partition("\n")[0]
