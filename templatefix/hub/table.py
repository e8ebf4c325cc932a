"""The one table by which every error of the Hub's client becomes a message with a cure."""

from __future__ import annotations

import json
from typing import NamedTuple

from huggingface_hub import errors
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # which of httpx and httpx2 it stands on

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
_NETWORK = (
    "check your connection, proxy and HF_ENDPOINT, and try again; if a path is meant, check its spelling"
)
MOVED = "the branch has moved since it was read, and nothing was committed"
AGAIN = "run the command again: it reads the new state, and judges that."


class Row(NamedTuple):
    """One kind of error; the first row that fits counts, so children stand before their parents."""

    kind: type[BaseException] | tuple[type[BaseException], ...]
    statuses: range | None
    what: str
    cure: str


ROWS = (
    Row(
        errors.GatedRepoError,
        None,
        "the model is gated, and you have no access to its files",
        f"ask for access on {{url}}, and {_LOGIN}.",
    ),
    Row(errors.DisabledRepoError, None, "the Hub has disabled this model", "use another copy of it."),
    Row(
        errors.RepositoryNotFoundError,
        None,
        "there is no such path and no such model on the Hub, or it is private and you may not see it",
        f"check the spelling; for a private model {_LOGIN} of an account that may read it.",
    ),
    Row(
        errors.RevisionNotFoundError,
        None,
        "the model has no revision {revision!r}",
        "name a branch, a tag, a commit or refs/pr/N that {url}/commits shows.",
    ),
    Row(
        errors.RemoteEntryNotFoundError,
        None,
        "a file that is needed is not in the model's repository: {detail}",
        "look at {url}/tree/{revision}, and try again.",
    ),
    Row(errors.LocalTokenNotFoundError, None, "you are not logged in to the Hub", f"{_LOGIN}."),
    Row(
        errors.HfHubHTTPError,
        range(401, 402),
        "the Hub does not accept your token: it is invalid or has expired",
        "run `hf auth login --force`, or correct HF_TOKEN, which comes before the stored token.",
    ),
    Row(
        errors.HfHubHTTPError,
        range(403, 404),
        "your account or token may not do this: {detail}",
        "use a token with the right to write there, or open a pull request (leave out --direct), if it takes any.",
    ),
    Row(
        errors.HfHubHTTPError,
        range(412, 413),
        MOVED,
        AGAIN,
    ),
    Row(
        errors.HfHubHTTPError,
        range(429, 430),
        "the Hub answers no more requests for now: its rate limit is reached",
        "wait {wait}, and try again; a token raises the limit.",
    ),
    Row(
        errors.HfHubHTTPError,
        range(500, 600),
        "the Hub has an error of its own (status {status})",
        "try again later; https://status.huggingface.co says how it is.",
    ),
    Row(
        errors.HfHubHTTPError,
        None,
        "the Hub refused (status {status}): {detail}",
        "look at {url}, and try again.",
    ),
    Row(
        (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, errors.RevisionResolutionError),
        None,
        "the Hub is not reached, and the cache does not hold the files",
        "unset HF_HUB_OFFLINE or connect, and run it once online; or name a directory.",
    ),
    Row(
        errors.HFValidationError,
        None,
        "this is no name of a model on the Hub: {detail}",
        "write org/name or org/name@revision.",
    ),
    Row(
        UnicodeEncodeError,
        None,
        "your token holds a character that no token has",
        "copy it again: run `hf auth login --force`, or correct HF_TOKEN.",
    ),
    Row(
        (httpx.UnsupportedProtocol, httpx.InvalidURL),
        None,
        "the Hub has no address: {detail}",
        "write HF_ENDPOINT as https://huggingface.co, or unset it.",
    ),
    Row(
        (json.JSONDecodeError, errors.FileMetadataError),
        None,
        "something else than the Hub has answered, a proxy or a login page perhaps: {detail}",
        f"{_NETWORK}.",
    ),
    Row(httpx.ConnectError, None, "the Hub cannot be reached: {detail}", f"{_NETWORK}."),
    Row(httpx.TimeoutException, None, "the Hub did not answer in time", f"{_NETWORK}."),
    Row(httpx.RequestError, None, "the connection to the Hub was cut: {detail}", f"{_NETWORK}."),
    Row(
        OSError,
        None,
        "the files of the model cannot be put into the cache: {detail}",
        "check free space and permissions there, or name another place by HF_HOME.",
    ),
    Row(
        (errors.XetDownloadError, RuntimeError, ValueError),  # what sending and fetching large files ends in
        None,
        "the client of the Hub has given up: {detail}",
        "try again, and upgrade huggingface_hub.",
    ),
)
