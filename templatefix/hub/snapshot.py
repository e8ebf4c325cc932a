"""A model at one commit: its sha and file names first, then only the files that are asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from huggingface_hub import HfApi, cached_assets_path, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

from templatefix import __version__
from templatefix.hub.ids import HubId
from templatefix.hub.problems import explained, unreachable

_CLIENT = "templatefix"
_SOUGHT = ("tokenizer_config.json", "chat_template.jinja", "config.json")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a model holds at one commit.

    Args:
        target (`HubId`): What was asked for.
        sha (`str`): The commit it stands for.
        files (`Mapping[str, int]`): The names of all files, and their sizes where they are known.
        cached (`bool`): Whether the Hub was not reached, so that the commit may be an old one.
    """

    target: HubId
    sha: str
    files: Mapping[str, int]
    cached: bool = False


def api() -> HfApi:
    """Return the Hub's client; it takes endpoint and token from the environment as all its users do."""
    return HfApi(library_name=_CLIENT, library_version=__version__)


def resolve(target: HubId) -> Snapshot:
    """Ask for the commit that a revision stands for; one request.

    A branch name must never go to a download: of what the Hub refuses, that returns an old file silently.

    Raises:
        HubError: The Hub refused, or it was not reached and the cache does not know the revision.
    """
    with explained(target):
        try:
            info = api().model_info(target.repo, revision=target.revision, files_metadata=True)
        except (OfflineModeIsEnabled, httpx.TransportError) as error:
            known = _remembered(target) if unreachable(error) else None
            if known is None:
                raise
            return known
    sizes = {each.rfilename: each.size or 0 for each in info.siblings or ()}
    found = Snapshot(target, str(info.sha), sizes)
    _remember(found)
    return found


def fetch(snapshot: Snapshot, names: Iterable[str]) -> str:
    """Bring files of a snapshot into the cache, by their commit.

    Args:
        snapshot (`Snapshot`): Where from.
        names (`Iterable[str]`): Which of its files; at least one.

    Returns:
        `str`: The folder that they lie in.

    Raises:
        HubError: One of them cannot be had.
    """
    folder, repo = Path(), snapshot.target.repo
    for name in names:
        with explained(snapshot.target):
            path = hf_hub_download(
                repo,
                name,
                revision=snapshot.sha,
                local_files_only=snapshot.cached,
                library_name=_CLIENT,
                library_version=__version__,
            )
        folder = Path(path).parents[name.count("/")]
    return str(folder)


def _memory(target: HubId) -> Path:
    # Not the cache's own `refs`: moving one without its weights would hide the weights from other programs.
    owner, _, name = target.repo.partition("/")
    return cached_assets_path(_CLIENT, owner, name) / f"{quote(target.revision, safe='')}.json"


def _remember(snapshot: Snapshot) -> None:
    try:
        text = json.dumps({"sha": snapshot.sha, "files": snapshot.files})
        for target in (snapshot.target, HubId(snapshot.target.repo, snapshot.sha)):
            _memory(target).write_text(text, encoding="utf-8")
    except (OSError, ValueError):
        return  # a cache that may not be written only means that nothing is known offline


def _remembered(target: HubId) -> Snapshot | None:
    """What was last seen of a revision: by us, or by whoever filled the cache."""
    try:
        known = json.loads(_memory(target).read_text(encoding="utf-8"))
        return Snapshot(target, known["sha"], dict(known["files"]), cached=True)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never seen by us
    for name in _SOUGHT:
        path = try_to_load_from_cache(target.repo, name, revision=target.revision)
        if isinstance(path, str):
            folder = Path(path).parent
            files = (
                Path(root, each).relative_to(folder) for root, _, some in os.walk(folder) for each in some
            )
            return Snapshot(target, folder.name, dict.fromkeys(map(Path.as_posix, files), 0), cached=True)
    return None
