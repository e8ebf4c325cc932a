"""Turn what the Hub's client raises into a message with a cure, in which no token is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants, errors, get_token
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # which of httpx and httpx2 it stands on

from templatefix.errors import HubError
from templatefix.hub.ids import HubId
from templatefix.hub.table import AGAIN, MOVED, ROWS

_SECRET = re.compile(
    r"\bhf_[\w.-]{6,}|(?<=Bearer )[^\s'\",]+|(?<=://)[^/@\s]+(?=@)|(?<=\?)[^\s'\"]*(?:Signature|token)=[^\s'\"]*"
)
"""Tokens, whatever is sent as one, credentials in an address, and what lets a signed address be read."""


_KINDS = tuple(kind for row in ROWS for kind in (row.kind if isinstance(row.kind, tuple) else (row.kind,)))


@contextmanager
def explained(where: HubId, *, commits: bool = False, besides: str = "") -> Iterator[None]:
    """Turn what huggingface_hub raises into `HubError`, without anything that could hold a token.

    Args:
        where (`HubId`): What is read or written.
        commits (`bool`): Whether a commit is under way, of which a cut connection does not tell the end.
        besides (`str`): What to say besides, of what has been done already.

    Raises:
        HubError: What happened, and what to do.
    """
    try:
        yield
    except _KINDS as error:
        # The request, headers and all, hangs on the error; shown as the cause it would carry them along.
        known = isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, _KINDS)
        cause = error.__cause__ if known and error.__cause__ else error
        raise _problem(cause, where, commits, besides) from None


def unreachable(error: BaseException) -> bool:
    """Whether an error says that nobody was reached, and not that somebody refused."""
    return isinstance(error, errors.OfflineModeIsEnabled | httpx.ConnectError | httpx.TimeoutException)


def moved(where: HubId) -> HubError:
    """Return what to raise where a branch is no longer at the commit that was read."""
    return HubError(MOVED, where=str(where), cure=AGAIN)


def not_logged_in(where: HubId) -> HubError:
    """Return what to raise where a token is needed and there is none."""
    return _problem(errors.LocalTokenNotFoundError(), where, commits=False)


def _problem(error: BaseException, where: HubId, commits: bool, besides: str = "") -> HubError:
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else 0
    row = next(
        row
        for row in ROWS
        if isinstance(error, row.kind) and (row.statuses is None or status in row.statuses)
    )
    facts = {
        "revision": where.revision,
        "url": f"{constants.ENDPOINT}/{where.repo}",
        "status": status,
        "detail": _detail(error),
        "wait": _wait(response),
    }
    what, cure = row.what.format(**facts), row.cure.format(**facts)
    if commits and isinstance(error, errors.RevisionNotFoundError):
        what = f"the model has no branch {where.revision!r}"
        cure = "name a branch with --revision; a tag or a commit cannot be pushed to."
    lost = isinstance(error, httpx.RequestError) and not isinstance(error, httpx.ConnectError)
    if commits and (lost or status >= 500):
        what += "; whether it has committed is not known"
        cure = "run the command again: it finds what it has pushed, and pushes nothing twice."
    return HubError(what + besides, where=str(where), cure=cure)


def _detail(error: BaseException) -> str:
    """The server's own words, else the client's first line; never a token."""
    said = getattr(error, "server_message", None) or str(error).strip() or type(error).__name__
    text = said.splitlines()[0].strip().rstrip(".")
    token = get_token()
    text = text.replace(token, "hf_…") if token else text
    return _SECRET.sub(lambda found: "hf_…" if found[0].startswith("hf_") else "…", text)


def _wait(response: httpx.Response | None) -> str:
    """How long to wait, where the server says so: `RateLimit: "api";r=0;t=55`, or `Retry-After: 55`."""
    headers = response.headers if response is not None else {}
    found = re.search(r"\bt=(\d+)", headers.get("RateLimit", "")) or re.fullmatch(
        r"(\d+)", headers.get("Retry-After", "")
    )
    return f"{found[1]} seconds" if found else "some minutes"
