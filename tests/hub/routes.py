"""The answers of the loopback Hub: the routes that `huggingface_hub` and `transformers` ask for models."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.hub.handler import Handler, Refused
from tests.hub.repository import Moved, PullRequest

_CREATED = "2026-01-01T00:00:00.000Z"


def whoami(ask: Handler) -> Any:
    if not (name := ask.user()):
        raise Refused(401, "Invalid username or password.")
    return {"type": "user", "name": name, "fullname": name, "orgs": [], "auth": {"type": "access_token"}}


def create_repo(ask: Handler) -> Any:
    asked = json.loads(ask.body)
    user = ask.user()
    name = f"{asked.get('organization') or user}/{asked['name']}"
    if name in ask.hub.repositories:
        raise Refused(409, "You already created this model repo", url=f"{ask.hub.url}/{name}")
    if not user:
        raise Refused(401, "Invalid username or password.")
    made = ask.hub.create(name)
    made.writers.add(user)
    made.private = asked.get("visibility") == "private"
    return {"url": f"{ask.hub.url}/{name}"}


def info(ask: Handler, name: str, revision: str) -> Any:
    repo = ask.repo(name)
    sha = ask.sha(repo, revision)
    siblings = [
        {"rfilename": path, "size": size, "blobId": blob} for path, (blob, size) in repo.files(sha).items()
    ]
    return {
        "id": name,
        "modelId": name,
        "sha": sha,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "siblings": siblings,
    }


def content(ask: Handler, name: str, revision: str, path: str) -> Any:
    repo = ask.repo(name, content=True)
    sha = ask.sha(repo, revision)
    found = repo.files(sha).get(path)
    if found is None:
        raise Refused(404, "Entry not found", "EntryNotFound")
    return repo.read(sha, path), {"X-Repo-Commit": sha, "ETag": f'"{found[0]}"'}


def tree(ask: Handler, name: str, revision: str, under: str) -> Any:
    repo = ask.repo(name, content=True)
    found = repo.files(ask.sha(repo, revision))
    prefix = f"{under}/" if under else ""
    inside = {path: facts for path, facts in found.items() if path.startswith(prefix)}
    if under and not inside:
        raise Refused(404, f"{under} does not exist", "EntryNotFound")
    recursive = ask.query.get("recursive", "").lower() == "true"
    return [
        {"type": "file", "path": path, "size": size, "oid": blob}
        for path, (blob, size) in inside.items()
        if recursive or "/" not in path.removeprefix(prefix)
    ]


def auth_check(ask: Handler, name: str, write: str) -> Any:
    ask.repo(name, content=True, write=bool(write))
    return {}


def validate_yaml(ask: Handler) -> Any:
    return {"errors": [], "warnings": []}  # no model card here has metadata


def refs(ask: Handler, name: str) -> Any:
    lines = ask.repo(name).git("for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
    found = [
        {"name": ref.split("/", 2)[2], "ref": ref, "targetCommit": sha} for ref, sha in map(str.split, lines)
    ]
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "pullRequests": "refs/pr/"}
    return {
        kind: [each for each in found if each["ref"].startswith(head)] for kind, head in kinds.items()
    } | {"converts": []}


def commits(ask: Handler, name: str, revision: str) -> Any:
    repo = ask.repo(name, content=True)
    log = repo.git("log", "--format=%H%x00%s%x00%b%x1e", ask.sha(repo, revision)).decode().split("\x1e")[:-1]
    return [
        {"id": sha.strip(), "title": title, "message": body, "date": _CREATED, "authors": [{"user": "hub"}]}
        for sha, title, body in (line.split("\0") for line in log)
    ]


def preupload(ask: Handler, name: str, revision: str) -> Any:
    creates = "create_pr" in ask.query or revision.startswith("refs/pr/")
    repo = ask.repo(name, content=True, write=not creates)
    found = repo.files(ask.sha(repo, revision))
    return {
        "files": [
            {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
            | ({"oid": found[each["path"]][0]} if each["path"] in found else {})
            for each in json.loads(ask.body)["files"]
        ]
    }


def commit(ask: Handler, name: str, revision: str) -> Any:
    pull = next((p for p in pulls(ask, name) if f"refs/pr/{p.num}" == revision), None)
    creates, user = "create_pr" in ask.query, ask.user()
    repo = ask.repo(name, content=True, write=not creates and (pull is None or pull.author != user))
    if not user:
        raise Refused(401, "Invalid username or password.")
    lines = [json.loads(line) for line in ask.body.splitlines()]
    [header] = [line["value"] for line in lines if line["key"] == "header"]
    base = ask.sha(repo, revision)
    if pull is None and repo.resolve(f"refs/heads/{revision}") is None:
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    if creates:  # as the client documents it: from the parent that it names, wherever the branch is by now
        base = ask.sha(repo, header.get("parentCommit", base))
    elif header.get("parentCommit", base) != base:
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    files = {
        line["value"]["path"]: base64.b64decode(line["value"]["content"])
        for line in lines
        if line["key"] == "file"
    } | {line["value"]["path"]: None for line in lines if line["key"] == "deletedFile"}
    number = max((each.num for each in repo.pulls), default=0) + 1
    ref = f"refs/pr/{number}" if creates else revision if pull else f"refs/heads/{revision}"
    message = "\n\n".join(filter(None, (header["summary"], header["description"])))
    try:
        made = repo.commit(files, message, ref=ref, parent=base, expected="0" * 40 if creates else base)
    except Moved as moved:
        raise Refused(412, "A commit has happened since. Please refresh and try again.") from moved
    url = None
    if creates:
        opened = PullRequest(number, header["summary"], header["description"], user, revision)
        repo.pulls.append(opened)
        url = f"{ask.hub.url}/{name}/discussions/{number}"
    return {"commitOid": made, "commitUrl": f"{ask.hub.url}/{name}/commit/{made}", "pullRequestUrl": url}


def pulls(ask: Handler, name: str) -> list[PullRequest]:
    return ask.repo(name).pulls


def discussions(ask: Handler, name: str) -> Any:
    wanted = ask.query
    found = [
        shown(ask, name, each)
        for each in reversed(pulls(ask, name))
        if wanted.get("status", each.status) == each.status
        and wanted.get("author", each.author) == each.author
    ]
    return {"discussions": found, "count": len(found), "start": 0}


def discussion(ask: Handler, name: str, number: str) -> Any:
    pull = find_pull(ask, name, number)
    repo = ask.repo(name)
    diff = repo.git("diff", f"refs/heads/{pull.base}...refs/pr/{pull.num}").decode()
    changes = {"base": f"refs/heads/{pull.base}"}
    return {
        **shown(ask, name, pull),
        "changes": changes,
        "filesWithConflicts": repo.conflicts(pull) if pull.status == "open" else [],
        "events": [],
        "diff": diff,
    }


def shown(ask: Handler, name: str, pull: PullRequest) -> dict[str, Any]:
    return {
        "num": pull.num,
        "title": pull.title,
        "status": pull.status,
        "author": {"name": pull.author},
        "isPullRequest": True,
        "createdAt": _CREATED,
        "repo": {"name": name, "type": "model"},
    }


def find_pull(ask: Handler, name: str, number: str) -> PullRequest:
    found = next((each for each in pulls(ask, name) if each.num == int(number)), None)
    if found is None:
        raise Refused(404, "there is no such discussion")
    return found


def merge(ask: Handler, name: str, number: str) -> Any:
    ask.repo(name, write=True).merge(find_pull(ask, name, number))
    return {}


_MODEL = r"/api/models/([^/]+/[^/]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", r"/api/whoami-v2", whoami),
    ("POST", r"/api/repos/create", create_repo),
    ("POST", r"/api/validate-yaml", validate_yaml),
    ("GET", rf"{_MODEL}/refs", refs),
    ("GET", rf"{_MODEL}/commits/([^/]+)", commits),
    ("GET", rf"{_MODEL}/auth-check(/write)?", auth_check),
    ("GET", rf"{_MODEL}/tree/([^/]+)(?:/(.+))?", tree),
    ("POST", rf"{_MODEL}/preupload/([^/]+)", preupload),
    ("POST", rf"{_MODEL}/commit/([^/]+)", commit),
    ("GET", rf"{_MODEL}/discussions", discussions),
    ("GET", rf"{_MODEL}/discussions/(\d+)", discussion),
    ("POST", rf"{_MODEL}/discussions/(\d+)/merge", merge),
    ("GET", rf"{_MODEL}(?:/revision/([^/]+))?", info),
    ("GET", r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", content),
)
