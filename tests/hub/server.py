"""The server: users, tokens, faults on demand, and a record of what was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.hub.repository import Repository

OWNER, GUEST = "owner", "guest"


class Request(NamedTuple):
    """One request that reached the server."""

    method: str
    path: str


@dataclass
class Fault:
    """What to do to requests whose method and path hold `match`, instead of answering.

    Args:
        match (`str`): A part of `METHOD /path`.
        status (`int`): The answer's status; 0 cuts the connection.
        headers (`Mapping[str, str]`): The answer's headers.
        after (`bool`): Do the work first, and only then cut the connection.
        times (`int`): How often; for ever if negative.
    """

    match: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    times: int = -1


class Hub:
    """A Hub with two users: `owner` may write to what it makes, `guest` may read what is public."""

    def __init__(self, root: Path) -> None:
        from tests.hub.handler import Handler

        self.root = root
        self.repositories: dict[str, Repository] = {}
        self.tokens = {f"hf_{name}{'x' * 24}": name for name in (OWNER, GUEST)}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def token(self, user: str = OWNER) -> str:
        return next(token for token, name in self.tokens.items() if name == user)

    def create(self, name: str, files: Mapping[str, bytes] | None = None) -> Repository:
        """Make a model's repository with files in it."""
        made = self.repositories[name] = Repository.create(self.root / f"{name}.git")
        made.writers.add(OWNER)
        if files:
            made.commit(files, "Add files")
        return made

    def fault(self, match: str) -> Fault | None:
        for fault in self.faults:
            if fault.match in match and fault.times:
                fault.times -= 1
                return fault
        return None

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
