"""What a push would do to a repository, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from templatefix.model.templates import Template
from templatefix.model.text import unified_diff
from templatefix.model.verdicts import Verdict

Action = Literal["refuse", "nothing", "open", "update", "commit", "create"]


MARKED = "marked already"
"""How a patch was found that a target brought along."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One template that is pushed, and why that is safe.

    Args:
        template (`Template`): As it is in the repository.
        after (`str`): What it shall be.
        verdict (`Verdict`): The judgement of `after`, against `template` where its text is to stay the same.
        how (`str`): How the patch was found.
        declared (`bool`): Whether the rendered text changes, as the patch declares.
        sample (`tuple[tuple[str, bool], ...]`): A conversation as it renders: texts, and whether each is trained.
        risks (`tuple[str, ...]`): What the markers do to inference stacks.
        reason (`str`): Why it may not be pushed; empty if it may.
    """

    template: Template
    after: str
    verdict: Verdict
    how: str
    declared: bool = False
    sample: tuple[tuple[str, bool], ...] = ()
    risks: tuple[str, ...] = ()
    reason: str = ""

    @property
    def in_json(self) -> bool:
        """Whether the template is one long line of a JSON file."""
        return bool(self.template.origin.pointer)

    def diff(self) -> str:
        """A unified diff of the template's own text."""
        label = self.template.label
        return unified_diff(self.template.source, self.after, label, label)


@dataclass(frozen=True, slots=True)
class PushedFile:
    """One file of a commit.

    Args:
        name (`str`): Its path in the repository.
        before (`bytes`, *optional*): What is there; `None` for a new file.
        after (`bytes`): What shall be there.
    """

    name: str
    before: bytes | None
    after: bytes

    def diff(self) -> str:
        """A unified diff; one line for a file that is not text."""
        try:
            before, after = (self.before or b"").decode(), self.after.decode()
        except UnicodeDecodeError:
            return f"new binary file {self.name} ({len(self.after)} bytes)\n"
        return unified_diff(before, after, self.name, self.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do.

    Args:
        action (`str`): `refuse`, `nothing` (all is there already), `open` or `update` a pull request, `commit` to
            the branch, or `create` a repository.
        repo (`str`): `org/name`.
        revision (`str`): The branch that is to change, or from which the pull request starts.
        base (`str`): The commit of the branch that was judged.
        parent (`str`): The commit that must still be the newest when ours is made.
        user (`str`): Who is logged in; empty if nobody is.
        pull (`int`): Number of the pull request to update; 0 if there is none.
        files (`tuple[PushedFile, ...]`): The commit's files.
        evidence (`tuple[Evidence, ...]`): One for each template.
        training_file (`str`): The file that the marked template gets of its own; empty if it is put in place.
        private (`bool`): Whether a new repository is a private one.
        reason (`str`): Why it is refused, or nothing is to be done, or some templates are left.
        left (`tuple[str, ...]`): Names of templates that stay as they are, for no patch of them holds.
        stale (`tuple[int, ...]`): Pull requests of ours that conflict with the branch, and give way to this one.
    """

    action: Action
    repo: str
    revision: str
    base: str = ""
    parent: str = ""
    user: str = ""
    pull: int = 0
    files: tuple[PushedFile, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    training_file: str = ""
    private: bool = False
    reason: str = ""
    left: tuple[str, ...] = ()
    stale: tuple[int, ...] = ()

    @property
    def at_commit(self) -> bool:
        """Whether a commit was named in place of a branch: that can be looked at, but not pushed to."""
        return bool(self.base) and self.revision == self.base

    @property
    def title(self) -> str:
        """The title of the commit and pull request; by it our own open pull request is found again."""
        if self.training_file:
            return f"{self.training_file}: the chat template with generation markers, for training"
        changed = " (changes its text)" if any(each.declared for each in self.evidence) else ""
        return f"Mark what the assistant says in the chat template with {{% generation %}}{changed}"

    def diff(self) -> str:
        """The unified diff of all files that change."""
        return "".join(file.diff() for file in self.files)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did; of a dry run, what it would do.

    Args:
        plan (`Plan`): What was to be done.
        sha (`str`): The new commit; empty if nothing was pushed.
        url (`str`): Of the pull request or the commit.
        revision (`str`): Where the result can be read: a branch, or `refs/pr/N`.
        verdicts (`tuple[Verdict, ...]`): The judgement of each template as it was read back.
    """

    plan: Plan
    sha: str = ""
    url: str = ""
    revision: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was refused, and what was read back holds."""
        return self.plan.action != "refuse" and all(verdict.outcome == "holds" for verdict in self.verdicts)
