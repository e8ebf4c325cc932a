"""`push`: a plan, and if it is asked for the commit, read back and judged again."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from huggingface_hub import CommitOperationAdd

from templatefix import api
from templatefix.errors import HubError, TemplateFixError, UsageError
from templatefix.hub import HubId
from templatefix.hub.problems import explained, not_logged_in
from templatefix.hub.snapshot import api as client
from templatefix.hub.snapshot import fetch, resolve
from templatefix.model import DEFAULT_POLICY, Evidence, Plan, Policy, Pushed, Variant, Verdict
from templatefix.report import pull_request
from templatefix.shipping.files import place
from templatefix.shipping.planning import Wish, destination, plan
from templatefix.shipping.repository import require_unmoved


def push(
    target: str | os.PathLike[str],
    *,
    to: str | None = None,
    revision: str | None = None,
    direct: bool = False,
    dry_run: bool = True,
    training_file: str = "",
    private: bool = False,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    partial: bool = False,
    policy: Policy = DEFAULT_POLICY,
) -> Pushed:
    """Open a pull request that puts the right markers into a model's chat templates, or say what it would be.

    Nothing is pushed unless the verdict on exactly the bytes to be pushed holds. The commit is atomic, and made only
    if the branch is still where it was read. Your own open pull request is updated instead of opening a second one.
    What was pushed is read back at its new commit and judged again.

    Args:
        target (`str` or `os.PathLike`): `org/name` or `org/name@revision` on the Hub, or a local directory or file.
        to (`str`, *optional*): The repository to push to, if not the target. One that does not exist is created, and
            gets all files of the tokenizer.
        revision (`str`, *optional*): The branch to push to; `main` if left out.
        direct (`bool`): Commit to the branch, without a pull request.
        dry_run (`bool`): Only say what would happen.
        training_file (`str`, *optional*): Leave the templates in use alone, and add the marked one as this file.
        private (`bool`): Make a new repository a private one.
        variant (`str`): See [`fix`].
        allow (`Collection[str]`): See [`fix`].
        partial (`bool`): Where some templates are refused, push the others all the same.
        policy ([`Policy`]): See [`fix`].

    Returns:
        [`Pushed`]: `.plan` with its `.action`, `.diff()` and `.evidence`; `.url` and `.sha` of what was pushed.

    Raises:
        HubError: The Hub was not reached, or refused; says whether anything was committed.
        UsageError: What is asked for does not fit together.
    """
    name = os.fspath(target)
    where = destination(name, to, revision)
    wish = Wish(name if to else where, where, direct, training_file, private, variant, allow, partial, policy)
    made = plan(wish)
    if dry_run or made.action in ("refuse", "nothing"):
        return Pushed(made)
    if not made.user:
        raise not_logged_in(where)
    return carry_out(made)


def carry_out(made: Plan) -> Pushed:
    """Do what a plan says, read the result back, and judge it again.

    Args:
        made (`Plan`): What to do; not `refuse` or `nothing`.

    Raises:
        HubError: The Hub was not reached, or refused, or holds something else than what was pushed.
        UsageError: The plan was made on a commit, which has no next one.
    """
    where = HubId(made.repo, f"refs/pr/{made.pull}" if made.pull else made.revision)
    if made.at_commit:
        raise UsageError("a commit cannot be pushed to", where=str(where), cure="name a branch: --revision.")
    if made.action == "open":
        require_unmoved(made)
    hub, text, besides = client(), pull_request.write(made), ""
    if made.action == "create" and not made.parent:
        with explained(where, commits=True):
            # an organization may have its own default, which False would override
            hub.create_repo(made.repo, private=made.private or None)
        besides = "; the repository was created before"
    with explained(where, commits=True, besides=besides):
        info = hub.create_commit(
            made.repo,
            [CommitOperationAdd(file.name, file.after) for file in made.files],
            commit_message=made.title,
            commit_description=text,
            revision=where.revision,
            create_pr=made.action == "open",
            parent_commit=made.parent or None,
        )
    revision = info.pr_revision or where.revision
    number = made.pull or info.pr_num
    url = f"{hub.endpoint}/{made.repo}/discussions/{number}" if number else str(info.commit_url)
    try:
        verdicts = _read_back(made, HubId(made.repo, info.oid))
    except TemplateFixError as error:
        what = f"it was pushed ({url}), but reading it back failed: {error.what}"
        raise HubError(what, where=error.where, cure=error.cure) from None
    return Pushed(made, info.oid, url, revision, verdicts)


def _read_back(made: Plan, where: HubId) -> tuple[Verdict, ...]:
    snapshot = resolve(where)
    folder = fetch(snapshot, [file.name for file in made.files])
    for file in made.files:
        if Path(folder, file.name).read_bytes() != file.after:
            raise HubError(
                "what the Hub holds is not what was pushed",
                where=f"{where}/{file.name}",
                cure="look at the commit on the Hub, and take it back.",
            )
    if made.training_file:
        texts = {made.evidence[0].template.name: Path(folder, made.training_file).read_bytes().decode()}
        return tuple(_judged(each, texts[each.template.name]) for each in made.evidence)
    found = {place(each): each.source for each in api.read(where) if each.effective}
    return tuple(_judged(each, found.get(place(each.template), "")) for each in made.evidence)


def _judged(evidence: Evidence, source: str) -> Verdict:
    """Judge a text as it came back; one that is no longer in use comes as an empty one, and is undecided."""
    if not source:
        return Verdict()
    before = evidence.template
    original = None if evidence.declared else before
    return api.verify_template(replace(before, source=source), original, policy=evidence.verdict.policy)
