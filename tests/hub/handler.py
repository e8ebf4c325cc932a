"""The HTTP of the loopback Hub: who asks, for what, faults on demand, errors as the Hub words them."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import Repository

if TYPE_CHECKING:
    from tests.hub.server import Hub

Query = dict[str, str]
_AGENTS = "/api/agent-harnesses"  # the client asks it once a day, for its own statistics


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.more = status, message, code, more


class Handler(BaseHTTPRequestHandler):
    """Dispatches by the table `ROUTES`."""

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
                data = b"<html>log in" if status == 200 else data
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
        from tests.hub.routes import ROUTES

        for method, pattern, answer in ROUTES:
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
