"""The one table by which every error of the Hub's client becomes a message with a cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from huggingface_hub import errors, get_token
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # which of httpx and httpx2 it stands on

from templatefix.errors import HubError
from templatefix.hub.ids import HubId

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
_NETWORK = (
    "check your connection, proxy and HF_ENDPOINT, and try again; if a path is meant, check its spelling"
)
_MOVED = "the branch has moved since it was read, and nothing was committed"
_AGAIN = "run the command again: it reads the new state, and judges that."
_TOKEN = re.compile(r"\bhf_\w{6,}")


class _Row(NamedTuple):
    """One kind of error; the first row that fits counts, so children stand before their parents."""

    kind: type[BaseException] | tuple[type[BaseException], ...]
    statuses: range | None
    what: str
    cure: str


_ROWS = (
    _Row(
        errors.GatedRepoError,
        None,
        "the model is gated, and you have no access to its files",
        f"ask for access on {{url}}, and {_LOGIN}.",
    ),
    _Row(errors.DisabledRepoError, None, "the Hub has disabled this model", "use another copy of it."),
    _Row(
        errors.RepositoryNotFoundError,
        None,
        "there is no such path and no such model on the Hub, or it is private and you may not see it",
        f"check the spelling; for a private model {_LOGIN} of an account that may read it.",
    ),
    _Row(
        errors.RevisionNotFoundError,
        None,
        "the model has no revision {revision!r}",
        "name a branch, a tag, a commit or refs/pr/N that {url}/commits shows.",
    ),
    _Row(
        errors.RemoteEntryNotFoundError,
        None,
        "a file that is needed is not in the model's repository: {detail}",
        "look at {url}/tree/{revision}, and try again.",
    ),
    _Row(errors.LocalTokenNotFoundError, None, "you are not logged in to the Hub", f"{_LOGIN}."),
    _Row(
        errors.HfHubHTTPError,
        range(401, 402),
        "the Hub does not accept your token: it is invalid or has expired",
        "run `hf auth login --force`, or correct HF_TOKEN, which comes before the stored token.",
    ),
    _Row(
        errors.HfHubHTTPError,
        range(403, 404),
        "your account or token may not do this: {detail}",
        "use a token with the right to write there, or open a pull request (leave out --direct).",
    ),
    _Row(
        errors.HfHubHTTPError,
        range(412, 413),
        _MOVED,
        _AGAIN,
    ),
    _Row(
        errors.HfHubHTTPError,
        range(429, 430),
        "the Hub answers no more requests for now: its rate limit is reached",
        "wait {wait}, and try again; a token raises the limit.",
    ),
    _Row(
        errors.HfHubHTTPError,
        range(500, 600),
        "the Hub has an error of its own (status {status})",
        "try again later; https://status.huggingface.co says how it is.",
    ),
    _Row(
        errors.HfHubHTTPError,
        None,
        "the Hub refused (status {status}): {detail}",
        "look at {url}, and try again.",
    ),
    _Row(
        (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, errors.RevisionResolutionError),
        None,
        "the Hub is not reached, and the cache does not hold the files",
        "unset HF_HUB_OFFLINE or connect, and run it once online; or name a directory.",
    ),
    _Row(
        errors.HFValidationError,
        None,
        "this is no name of a model on the Hub: {detail}",
        "write org/name or org/name@revision.",
    ),
    _Row(httpx.ConnectError, None, "the Hub cannot be reached: {detail}", f"{_NETWORK}."),
    _Row(httpx.TimeoutException, None, "the Hub did not answer in time", f"{_NETWORK}."),
    _Row(httpx.TransportError, None, "the connection to the Hub was cut: {detail}", f"{_NETWORK}."),
)
_KINDS = tuple(kind for row in _ROWS for kind in (row.kind if isinstance(row.kind, tuple) else (row.kind,)))


@contextmanager
def explained(where: HubId, *, commits: bool = False) -> Iterator[None]:
    """Turn what huggingface_hub raises into `HubError`, without anything that could hold a token.

    Args:
        where (`HubId`): What is read or written.
        commits (`bool`): Whether a commit is under way, of which a cut connection does not tell the end.

    Raises:
        HubError: What happened, and what to do.
    """
    try:
        yield
    except _KINDS as error:
        # The request, headers and all, hangs on the error; shown as the cause it would carry them along.
        known = isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, _KINDS)
        cause = error.__cause__ if known and error.__cause__ else error
        raise _problem(cause, where, commits) from None


def unreachable(error: BaseException) -> bool:
    """Whether an error says that nobody was reached, and not that somebody refused."""
    return isinstance(error, errors.OfflineModeIsEnabled | httpx.ConnectError | httpx.TimeoutException)


def moved(where: HubId) -> HubError:
    """Return what to raise where a branch is no longer at the commit that was read."""
    return HubError(_MOVED, where=str(where), cure=_AGAIN)


def not_logged_in(where: HubId) -> HubError:
    """Return what to raise where a token is needed and there is none."""
    return _problem(errors.LocalTokenNotFoundError(), where, commits=False)


def _problem(error: BaseException, where: HubId, commits: bool) -> HubError:
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else 0
    row = next(
        row
        for row in _ROWS
        if isinstance(error, row.kind) and (row.statuses is None or status in row.statuses)
    )
    facts = {
        "revision": where.revision,
        "url": f"https://huggingface.co/{where.repo}",
        "status": status,
        "detail": _detail(error),
        "wait": _wait(response),
    }
    what, cure = row.what.format(**facts), row.cure.format(**facts)
    if commits and isinstance(error, errors.RevisionNotFoundError):
        what = f"the model has no branch {where.revision!r}"
        cure = "name a branch with --revision; a tag or a commit cannot be pushed to."
    lost = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.ConnectError)
    if commits and (lost or status >= 500):
        what += "; whether it has committed is not known"
        cure = "run the command again: it finds what it has pushed, and pushes nothing twice."
    return HubError(what, where=str(where), cure=cure)


def _detail(error: BaseException) -> str:
    """The server's own words, else the client's first line; never a token."""
    said = getattr(error, "server_message", None) or str(error).strip() or type(error).__name__
    text = said.splitlines()[0].strip().rstrip(".")
    token = get_token()
    return _TOKEN.sub("hf_…", text.replace(token, "hf_…") if token else text)


def _wait(response: httpx.Response | None) -> str:
    """How long to wait, where the server says so: `RateLimit: "api";r=0;t=55`, or `Retry-After: 55`."""
    headers = response.headers if response is not None else {}
    found = re.search(r"\bt=(\d+)", headers.get("RateLimit", "")) or re.fullmatch(
        r"(\d+)", headers.get("Retry-After", "")
    )
    return f"{found[1]} seconds" if found else "some minutes"
