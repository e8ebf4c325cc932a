"""Work out what a push would do; nothing is changed by it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from templatefix import api, sources
from templatefix.errors import HubError, UsageError
from templatefix.hub import HubId, hub_id, parse_id
from templatefix.hub.problems import explained
from templatefix.hub.snapshot import api as client
from templatefix.hub.snapshot import fetch, resolve
from templatefix.model import DEFAULT_POLICY, Action, Plan, Policy, PushedFile, Template, Variant
from templatefix.shipping import repository
from templatefix.shipping.evidence import gather
from templatefix.shipping.files import check_name, in_place, of_its_own, whole_model

_ALREADY = "what would be pushed is there already"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for; see [`templatefix.push`]."""

    target: str | HubId
    to: HubId
    direct: bool = False
    training_file: str = ""
    private: bool = False
    variant: Variant = "same-text"
    allow: Collection[str] = ()
    partial: bool = False
    policy: Policy = DEFAULT_POLICY

    @property
    def elsewhere(self) -> bool:
        """Whether the target is not what is pushed to."""
        return hub_id(self.target) != self.to


def destination(target: str, to: str | None, revision: str | None) -> HubId:
    """Return the repository and branch to push to.

    Raises:
        UsageError: The target is no model on the Hub, and `to` names none; or both name a revision.
    """
    model = parse_id(to) if to else hub_id(target)
    if model is None:
        raise UsageError(
            "this names no model on the Hub to push to",
            where=to or target,
            cure="write org/name, or say where to push a local target: --to org/name.",
        )
    if revision is None:
        return model
    if model.revision not in ("main", revision):
        raise UsageError("two revisions are named", where=str(model), cure="name the branch once.")
    return replace(model, revision=revision)


def plan(wish: Wish) -> Plan:
    """Read, fix, judge, and say what a push would do.

    Raises:
        HubError: The Hub was not reached, or refused.
        SourceError: A target cannot be read.
        UsageError: What is asked for does not fit together.
    """
    if wish.training_file:
        check_name(wish.training_file)
    if wish.to.revision.startswith("refs/") and not wish.direct:
        raise UsageError(
            "this is no branch that a pull request could be opened to",
            where=str(wish.to),
            cure="name a branch, or commit to the pull request itself with --direct.",
        )
    user = repository.user(wish.to)
    empty = repository.state(wish.to) if wish.elsewhere else None
    if empty is not None:
        return _creation(wish, user, *empty)
    if wish.private:
        raise _exists(wish.to)
    base = _effective(api.read(wish.to))
    target = _effective(api.read(wish.target)) if wish.elsewhere else base
    if wish.training_file:
        base, target = (api.main(base),), (api.main(target),)
    evidence = gather(base, target, variant=wish.variant, allow=wish.allow, policy=wish.policy)
    made = Plan("refuse", wish.to.repo, wish.to.revision, _sha(base), user=user, evidence=evidence)
    made = replace(made, training_file=wish.training_file)
    made = _without_refused(made, wish)
    if made.reason and not made.left:
        return made
    if wish.direct and user:
        with explained(wish.to):
            client().auth_check(wish.to.repo, write=True)
    return _located(wish, made, base)


def _located(wish: Wish, made: Plan, base: tuple[Template, ...]) -> Plan:
    """Say where the commit goes, and what is in it."""
    action: Action = "commit" if wish.direct else "open"
    if not _files(made, base, wish.to):
        return replace(made, action="nothing", reason=f"{_ALREADY}, in {wish.to.repo}@{made.base[:8]}")
    pull, stale = (0, ()) if wish.direct or not made.user else repository.own_pulls(made)
    made = replace(made, stale=stale)
    if not pull:
        return replace(made, action=action, parent=made.base, files=_files(made, base, wish.to))
    where = HubId(made.repo, f"refs/pr/{pull}")
    head = api.read(where)
    files = _files(made, head, where)
    if not files:
        return replace(made, action="nothing", pull=pull, reason=f"{_ALREADY}, in your pull request {pull}")
    return replace(made, action="update", pull=pull, parent=_sha(head), files=files)


def _files(made: Plan, head: tuple[Template, ...], where: HubId) -> tuple[PushedFile, ...]:
    if not made.training_file:
        return in_place(made.evidence, head)
    return of_its_own(made.evidence[0], made.training_file, _content(where, made.training_file))


def _content(where: HubId, name: str) -> bytes | None:
    snapshot = resolve(where)
    if name not in snapshot.files:
        return None
    return sources.read_bytes(f"{fetch(snapshot, [name])}/{name}")


def _creation(wish: Wish, user: str, parent: str, is_private: bool) -> Plan:
    if wish.to.revision != "main" or wish.training_file:
        raise UsageError(
            "a new repository gets the patched files on its main branch, and nothing else",
            where=str(wish.to),
            cure="leave --revision and --training-file out, or push to a repository that exists.",
        )
    if parent and wish.private and not is_private:
        raise _exists(wish.to)
    target = _effective(api.read(wish.target))
    evidence = gather(target, target, variant=wish.variant, allow=wish.allow, policy=wish.policy)
    private = is_private or wish.private
    made = Plan("refuse", wish.to.repo, "main", "", parent, user, evidence=evidence, private=private)
    made = _without_refused(made, wish)
    if made.reason and not made.left:
        return made
    return replace(made, action="create", files=whole_model(made.evidence, str(wish.target)))


def _without_refused(made: Plan, wish: Wish) -> Plan:
    """Leave out the templates that may not be pushed, if that was asked for and any are left; else say why not."""
    refused = [each for each in made.evidence if each.reason]
    good = [each for each in made.evidence if not each.reason]
    made = replace(made, reason="\n".join(each.reason for each in refused))
    if not refused or not good:
        return made
    if wish.partial:
        return replace(made, evidence=tuple(good), left=tuple(each.template.name for each in refused))
    names = ", ".join(repr(each.template.name) for each in good)
    return replace(made, reason=f"{made.reason}\n--partial would push the others: {names}")


def _effective(templates: tuple[Template, ...]) -> tuple[Template, ...]:
    return tuple(each for each in templates if each.effective)


def _sha(templates: tuple[Template, ...]) -> str:
    file = templates[0].origin.hub
    assert file is not None, "it was read from the Hub"
    if file.cached:
        raise HubError(
            "the Hub was not reached, and a plan on old files would be worthless",
            where=f"{file.repo}@{file.revision}",
            cure="connect, and unset HF_HUB_OFFLINE.",
        )
    return file.sha


def _exists(where: HubId) -> UsageError:
    return UsageError(
        "the repository exists already, and --private is for new ones",
        where=where.repo,
        cure="leave --private out; the repository's settings on the Hub make it private.",
    )
