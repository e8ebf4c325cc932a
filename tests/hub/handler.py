"""The part of the Hub's HTTP interface that `huggingface_hub` and `transformers` use for models."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import Moved, PullRequest, Repository

if TYPE_CHECKING:
    from tests.hub.server import Hub

Query = dict[str, str]
_AGENTS = "/api/agent-harnesses"  # the client asks it once a day, for its own statistics
_CREATED = "2026-01-01T00:00:00.000Z"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.more = status, message, code, more


class Handler(BaseHTTPRequestHandler):
    """Dispatches by the table `_ROUTES`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_GET  # noqa: N815

    @property
    def hub(self) -> Hub:
        return cast("Hub", self.server.hub)  # type: ignore[attr-defined]

    def _answer(self) -> None:
        from tests.hub.server import Request

        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.hub.lock:
            if parts.path != _AGENTS:
                self.hub.requests.append(Request(self.command, parts.path))
            fault = self.hub.fault(f"{self.command} {parts.path}")
            try:
                if fault and not fault.after:
                    raise Refused(fault.status, "the fault that was asked for")
                data, headers = self._dispatch(parts.path)
                status = 200
                if fault:
                    raise Refused(0, "")
            except Refused as refused:
                status, data = refused.status, json.dumps({"error": refused.message, **refused.more}).encode()
                headers = {"X-Error-Message": refused.message, "X-Error-Code": refused.code}
                headers |= dict(fault.headers) if fault else {}
        if not status:
            self.close_connection = True
            self.connection.close()
            return
        self._send(status, data, headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _dispatch(self, path: str) -> tuple[bytes, dict[str, str]]:
        for method, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command.replace("HEAD", "GET"):
                made = answer(self, *map(unquote, (each or "" for each in found.groups())))
                return made if isinstance(made, tuple) else (json.dumps(made).encode(), {})
        raise Refused(404, "there is no such route")

    # who asks, and for what

    def user(self) -> str:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            raise Refused(401, "Invalid credentials in Authorization header")
        return self.hub.tokens.get(token, "")

    def repo(self, name: str, *, content: bool = False, write: bool = False) -> Repository:
        user, found = self.user(), self.hub.repositories.get(name)
        if found is None or (found.private and user not in found.writers):
            raise Refused(404 if user else 401, "Repository not found", "RepoNotFound")
        if content and found.gated and user not in found.writers | found.readers:
            raise Refused(403 if user else 401, f"Access to model {name} is restricted", "GatedRepo")
        if write and not user:
            raise Refused(401, "Invalid username or password.")
        if write and user not in found.writers:
            raise Refused(403, "you do not have write access to this repository")
        return found

    def sha(self, repo: Repository, revision: str) -> str:
        found = repo.resolve(revision or "main")
        if found is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    # answers

    def whoami(self) -> Any:
        if not (name := self.user()):
            raise Refused(401, "Invalid username or password.")
        return {"type": "user", "name": name, "fullname": name, "orgs": [], "auth": {"type": "access_token"}}

    def create_repo(self) -> Any:
        asked = json.loads(self.body)
        user = self.user()
        name = f"{asked.get('organization') or user}/{asked['name']}"
        if name in self.hub.repositories:
            raise Refused(409, "You already created this model repo", url=f"{self.hub.url}/{name}")
        if not user:
            raise Refused(401, "Invalid username or password.")
        made = self.hub.create(name)
        made.writers.add(user)
        made.private = asked.get("visibility") == "private"
        return {"url": f"{self.hub.url}/{name}"}

    def info(self, name: str, revision: str) -> Any:
        repo = self.repo(name)
        sha = self.sha(repo, revision)
        siblings = [
            {"rfilename": path, "size": size, "blobId": blob}
            for path, (blob, size) in repo.files(sha).items()
        ]
        return {
            "id": name,
            "modelId": name,
            "sha": sha,
            "private": repo.private,
            "gated": "manual" if repo.gated else False,
            "siblings": siblings,
        }

    def resolve(self, name: str, revision: str, path: str) -> Any:
        repo = self.repo(name, content=True)
        sha = self.sha(repo, revision)
        found = repo.files(sha).get(path)
        if found is None:
            raise Refused(404, "Entry not found", "EntryNotFound")
        return repo.read(sha, path), {"X-Repo-Commit": sha, "ETag": f'"{found[0]}"'}

    def tree(self, name: str, revision: str, under: str) -> Any:
        repo = self.repo(name, content=True)
        found = repo.files(self.sha(repo, revision))
        prefix = f"{under}/" if under else ""
        inside = {path: facts for path, facts in found.items() if path.startswith(prefix)}
        if under and not inside:
            raise Refused(404, f"{under} does not exist", "EntryNotFound")
        recursive = self.query.get("recursive", "").lower() == "true"
        return [
            {"type": "file", "path": path, "size": size, "oid": blob}
            for path, (blob, size) in inside.items()
            if recursive or "/" not in path.removeprefix(prefix)
        ]

    def auth_check(self, name: str, write: str) -> Any:
        self.repo(name, content=True, write=bool(write))
        return {}

    def preupload(self, name: str, revision: str) -> Any:
        creates = "create_pr" in self.query or revision.startswith("refs/pr/")
        repo = self.repo(name, content=True, write=not creates)
        found = repo.files(self.sha(repo, revision))
        return {
            "files": [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                | ({"oid": found[each["path"]][0]} if each["path"] in found else {})
                for each in json.loads(self.body)["files"]
            ]
        }

    def commit(self, name: str, revision: str) -> Any:
        pull = next((p for p in self.pulls(name) if f"refs/pr/{p.num}" == revision), None)
        creates, user = "create_pr" in self.query, self.user()
        repo = self.repo(name, content=True, write=not creates and (pull is None or pull.author != user))
        if not user:
            raise Refused(401, "Invalid username or password.")
        lines = [json.loads(line) for line in self.body.splitlines()]
        [header] = [line["value"] for line in lines if line["key"] == "header"]
        base = self.sha(repo, revision)
        if header.get("parentCommit", base) != base:
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
            url = f"{self.hub.url}/{name}/discussions/{number}"
        return {"commitOid": made, "commitUrl": f"{self.hub.url}/{name}/commit/{made}", "pullRequestUrl": url}

    # pull requests

    def pulls(self, name: str) -> list[PullRequest]:
        return self.repo(name).pulls

    def discussions(self, name: str) -> Any:
        wanted = self.query
        found = [
            self.shown(name, each)
            for each in reversed(self.pulls(name))
            if wanted.get("status", each.status) == each.status
            and wanted.get("author", each.author) == each.author
        ]
        return {"discussions": found, "count": len(found), "start": 0}

    def discussion(self, name: str, number: str) -> Any:
        pull = self.pull(name, number)
        repo = self.repo(name)
        diff = repo.git("diff", f"refs/heads/{pull.base}...refs/pr/{pull.num}").decode()
        changes = {"base": f"refs/heads/{pull.base}"}
        return {
            **self.shown(name, pull),
            "changes": changes,
            "filesWithConflicts": [],
            "events": [],
            "diff": diff,
        }

    def shown(self, name: str, pull: PullRequest) -> dict[str, Any]:
        return {
            "num": pull.num,
            "title": pull.title,
            "status": pull.status,
            "author": {"name": pull.author},
            "isPullRequest": True,
            "createdAt": _CREATED,
            "repo": {"name": name, "type": "model"},
        }

    def pull(self, name: str, number: str) -> PullRequest:
        found = next((each for each in self.pulls(name) if each.num == int(number)), None)
        if found is None:
            raise Refused(404, "there is no such discussion")
        return found

    def merge(self, name: str, number: str) -> Any:
        self.repo(name, write=True).merge(self.pull(name, number))
        return {}


_MODEL = r"/api/models/([^/]+/[^/]+)"
_ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", r"/api/whoami-v2", Handler.whoami),
    ("POST", r"/api/repos/create", Handler.create_repo),
    ("GET", rf"{_MODEL}/auth-check(/write)?", Handler.auth_check),
    ("GET", rf"{_MODEL}/tree/([^/]+)(?:/(.+))?", Handler.tree),
    ("POST", rf"{_MODEL}/preupload/([^/]+)", Handler.preupload),
    ("POST", rf"{_MODEL}/commit/([^/]+)", Handler.commit),
    ("GET", rf"{_MODEL}/discussions", Handler.discussions),
    ("GET", rf"{_MODEL}/discussions/(\d+)", Handler.discussion),
    ("POST", rf"{_MODEL}/discussions/(\d+)/merge", Handler.merge),
    ("GET", rf"{_MODEL}(?:/revision/([^/]+))?", Handler.info),
    ("GET", r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", Handler.resolve),
)
