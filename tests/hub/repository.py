"""A bare git repository behind the loopback Hub, changed by git plumbing alone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ZERO = "0" * 40
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "hub"), ("EMAIL", "hub@localhost"))
}


class Moved(Exception):
    """A ref is not where the writer expected it."""


@dataclass
class PullRequest:
    """What git does not know of a pull request."""

    num: int
    title: str
    description: str
    author: str
    base: str
    status: str = "open"


@dataclass
class Repository:
    """A model's repository, and who may do what with it."""

    path: Path
    private: bool = False
    gated: bool = False
    writers: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)
    pulls: list[PullRequest] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path) -> Repository:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
        made = cls(path)
        made.commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        return made

    def git(self, *words: str, given: bytes = b"", index: Path | None = None) -> bytes:
        command = ["git", "-C", str(self.path), *words]
        env = {**os.environ, **_IDENTITY, **({"GIT_INDEX_FILE": str(index)} if index else {})}
        return subprocess.run(command, input=given, capture_output=True, check=True, env=env).stdout

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag, `refs/pr/N` or a hash."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            try:
                return self.git("rev-parse", "--verify", "-q", f"{ref}^{{commit}}").decode().strip()
            except subprocess.CalledProcessError:
                continue
        return None

    def files(self, revision: str) -> dict[str, tuple[str, int]]:
        """Path to blob id and size, of every file."""
        found = {}
        for line in self.git("ls-tree", "-r", "-l", "-z", revision).decode().split("\0")[:-1]:
            facts, _, path = line.partition("\t")
            _, _, blob, size = facts.split()
            found[path] = (blob, int(size))
        return found

    def read(self, revision: str, path: str) -> bytes:
        return self.git("cat-file", "blob", f"{revision}:{path}")

    def commit(
        self,
        files: Mapping[str, bytes | None],
        message: str,
        *,
        ref: str = "refs/heads/main",
        parent: str | None = None,
        expected: str | None = None,
    ) -> str:
        """Put files in, or out where the content is `None`; compare-and-swap `ref` from `expected`.

        Raises:
            Moved: The ref is elsewhere.
        """
        parent = parent or self.resolve(ref)
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch, "index")
            if parent:
                self.git("read-tree", parent, index=index)
            lines = [self._entry(path, content) for path, content in files.items()]
            self.git("update-index", "-z", "--index-info", given=b"".join(lines), index=index)
            tree = self.git("write-tree", index=index).decode().strip()
        parents = ["-p", parent] if parent else []
        made = self.git("commit-tree", tree, *parents, given=message.encode()).decode().strip()
        self.move(ref, made, expected if expected is not None else (self.resolve(ref) or ZERO))
        return made

    def _entry(self, path: str, content: bytes | None) -> bytes:
        if content is None:
            return f"0 {ZERO}\t{path}\0".encode()
        blob = self.git("hash-object", "-w", "--stdin", given=content).decode().strip()
        return f"100644 {blob}\t{path}\0".encode()

    def move(self, ref: str, new: str, old: str) -> None:
        try:
            self.git("update-ref", ref, new, old)
        except subprocess.CalledProcessError as error:
            raise Moved(ref) from error

    def conflicts(self, pull: PullRequest) -> list[str]:
        """The files that stand in the way of merging a pull request."""
        words = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z"]
        refs = [f"refs/heads/{pull.base}", f"refs/pr/{pull.num}"]
        ran = subprocess.run(["git", "-C", str(self.path), *words, *refs], capture_output=True, check=False)
        return ran.stdout.decode().split("\0")[1:-1] if ran.returncode else []

    def merge(self, pull: PullRequest) -> str:
        """Merge a pull request into its base."""
        base, head = f"refs/heads/{pull.base}", f"refs/pr/{pull.num}"
        ours, theirs = self.resolve(base), self.resolve(head)
        assert ours and theirs
        tree = self.git("merge-tree", "--write-tree", ours, theirs).decode().splitlines()[0]
        message = f"Merge pull request {pull.num}".encode()
        made = self.git("commit-tree", tree, "-p", ours, "-p", theirs, given=message).decode().strip()
        self.move(base, made, ours)
        pull.status = "merged"
        return made
