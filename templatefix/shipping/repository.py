"""What the Hub says of the repository that is pushed to: who asks, what is there, which pull requests are ours."""

from __future__ import annotations

from huggingface_hub.errors import GatedRepoError, LocalTokenNotFoundError, RepositoryNotFoundError

from templatefix.hub import HubId
from templatefix.hub.problems import explained, moved
from templatefix.hub.snapshot import api as client
from templatefix.hub.snapshot import resolve
from templatefix.model import Plan

_OF_THE_HUB = (".gitattributes", "README.md")
"""What a repository holds that the Hub's website has made."""


def user(where: HubId) -> str:
    """Return who is logged in; empty if nobody is, for a dry run does without."""
    with explained(where):
        try:
            return str(client().whoami()["name"])
        except LocalTokenNotFoundError:
            return ""


def state(where: HubId) -> tuple[str, bool] | None:
    """Return the commit of a repository that holds nothing yet, and whether it is private.

    Returns:
        `tuple[str, bool]`: An empty commit, where there is no repository; `None`, where one holds something.
    """
    with explained(where):
        try:
            info = client().model_info(where.repo)
        except GatedRepoError:
            return None
        except RepositoryNotFoundError:
            return "", False
    if any(each.rfilename not in _OF_THE_HUB for each in info.siblings or ()):
        return None
    return str(info.sha), bool(info.private)


def own_pulls(made: Plan) -> tuple[int, tuple[int, ...]]:
    """Return our newest open pull request to the branch, and newer ones which conflict with it by now.

    Returns:
        `tuple[int, tuple[int, ...]]`: The number, 0 if there is none; the numbers of those that conflict.
    """
    stale: list[int] = []
    with explained(HubId(made.repo, made.revision)):
        hub = client()
        found = hub.get_repo_discussions(
            made.repo, author=made.user, discussion_type="pull_request", discussion_status="open"
        )
        mine = [each.num for each in found if (each.title, each.author) == (made.title, made.user)]
        for number in sorted(mine, reverse=True):
            pull = hub.get_discussion_details(made.repo, number)
            if (pull.target_branch or "").removeprefix("refs/heads/") != made.revision:
                continue
            if not pull.conflicting_files:
                return number, tuple(stale)
            stale.append(number)
    return 0, tuple(stale)


def require_unmoved(made: Plan) -> None:
    """Check that a branch is where it was judged; a pull request starts from its parent wherever the branch is.

    Raises:
        HubError: It is elsewhere.
    """
    where = HubId(made.repo, made.revision)
    if resolve(where).sha != made.parent:
        raise moved(where)
