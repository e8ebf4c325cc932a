"""Each way in which the Hub can refuse is one clear message with a cure and exit code 3, and tells no token."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

import templatefix
from templatefix.errors import HubError
from tests.hub import Fault, Hub
from tests.hub.server import GUEST
from tests.hub.test_reading import NAME, files
from tests.test_cli import Run

Prepare = Callable[[Hub, pytest.MonkeyPatch], object]
RATE = {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}


def token(name: str) -> Prepare:
    return lambda hub, patch: patch.setenv("HF_TOKEN", hub.token(name) if name == GUEST else name)


def answer(match: str, status: int, headers: dict[str, str] | None = None) -> Prepare:
    return lambda hub, _: hub.faults.append(Fault(match, status, headers or {}))


def guard(name: str) -> Prepare:
    def prepare(hub: Hub, patch: pytest.MonkeyPatch) -> None:
        setattr(hub.repositories[NAME], name, True)
        token(GUEST)(hub, patch)

    return prepare


def unplug(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


def offline(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "HF_HUB_OFFLINE", True)


def slow(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise httpx.ReadTimeout("timed out")

    patch.setattr(httpx.Client, "send", late)


def no_address(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "ENDPOINT", "not an address")


def no_cache(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    file = hub.root.parent / "file"
    file.write_text("where the cache should be")
    patch.setattr(constants, "HF_HUB_CACHE", str(file))
    patch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", str(file))


def nothing(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    pass


READS: dict[str, tuple[Prepare, str, str, str]] = {
    # name: what goes wrong, the target, parts of what and of the cure
    "gated": (guard("gated"), NAME, "is gated", f"/{NAME}, and log in"),
    "private": (guard("private"), NAME, "or it is private", "hf auth login"),
    "missing": (nothing, "org/absent", "no such path and no such model", "check the spelling"),
    "bad revision": (nothing, f"{NAME}@nowhere", "no revision 'nowhere'", "/commits shows"),
    "bad token": (token("hf_notavalidtoken"), NAME, "does not accept your token", "--force"),
    "no right": (answer("GET /api/models", 403), NAME, "may not do this", "right to write"),
    "rate limit": (answer("GET /api/models", 429, RATE), NAME, "rate limit", "wait 55 seconds"),
    "retry after": (
        answer("GET /api/models", 429, {"Retry-After": "7"}),
        NAME,
        "rate limit",
        "wait 7 seconds",
    ),
    "server error": (
        answer("GET /api/models", 500),
        NAME,
        "error of its own (status 500)",
        "try again later",
    ),
    "teapot": (answer("GET /api/models", 418), NAME, "refused (status 418): the fault", "try again"),
    "disabled": (
        answer("GET /api/models", 403, {"X-Error-Message": "Access to this resource is disabled."}),
        NAME,
        "has disabled this model",
        "another copy",
    ),
    "file gone": (
        answer("HEAD ", 404, {"X-Error-Code": "EntryNotFound"}),
        NAME,
        "a file that is needed is not in the model's repository",
        "/tree/main",
    ),
    "refused connection": (unplug, NAME, "cannot be reached", "HF_ENDPOINT"),
    "timeout": (slow, NAME, "did not answer in time", "HF_ENDPOINT"),
    "cut": (answer("GET /api/models", 0), NAME, "was cut", "try again"),
    "offline": (offline, NAME, "the cache does not hold the files", "unset HF_HUB_OFFLINE"),
    "captive portal": (answer("GET /api/models", 200), NAME, "something else than the Hub", "proxy"),
    "no address": (no_address, NAME, "the Hub has no address", "write HF_ENDPOINT as"),
    "no token's character": (token("hf_sécret"), NAME, "a character that no token has", "copy it again"),
    "cache of no use": (no_cache, NAME, "cannot be put into the cache", "HF_HOME"),
    "malformed": (nothing, "org/a..b", "no name of a model on the Hub", "org/name@revision"),
}


@pytest.mark.parametrize("name", READS)
def test_reading(hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    hub.create(NAME, files())
    prepare, target, what, cure = READS[name]
    prepare(hub, monkeypatch)
    code, out, err = run("audit", target)
    assert (code, out) == (3, "")
    first, second = err.splitlines()[-2:]  # the client may warn of its cache before
    assert first.startswith(f"error: {target.partition('@')[0]}@") and what in first
    assert second.startswith("  cure: ") and cure in second


PUSHES: dict[str, tuple[list[str], Prepare, str, str]] = {
    "bad token": ([], token("hf_notavalidtoken"), "does not accept your token", "comes before the stored"),
    "no right": (["--direct"], token(GUEST), "may not do this", "leave out --direct"),
    "rate limit": ([], answer("POST /api/models/org/model/commit", 429, RATE), "rate limit", "55 seconds"),
    "moved": (
        [],
        answer("POST /api/models/org/model/commit", 412),
        "nothing was committed",
        "run the command",
    ),
    "server error": ([], answer("POST /api/models/org/model/commit", 503), "is not known", "nothing twice"),
    "gated": ([], guard("gated"), "is gated", "ask for access"),
    "foreign name": (
        ["--to", "other/new"],
        answer("POST /api/repos", 403),
        "may not do this",
        "right to write",
    ),
}


@pytest.mark.parametrize("name", PUSHES)
def test_pushing(hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    repo = hub.create(NAME, files())
    before = repo.git("for-each-ref")
    words, prepare, what, cure = PUSHES[name]
    prepare(hub, monkeypatch)
    code, out, err = run("push", NAME, *words, "--yes")
    assert (code, out) == (3, "")
    assert what in err and cure in err and "Traceback" not in err
    assert repo.git("for-each-ref") == before and list(hub.repositories) == [NAME]


def test_no_token_is_ever_shown(
    hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.create(NAME, files())
    caplog.set_level(logging.INFO)  # below, the transport logs what servers send
    secret = "hf_" + "s3cret" * 5
    monkeypatch.setenv("HF_TOKEN", secret)
    shown = "".join(run("push", NAME, "--yes")[1:])
    hub.tokens[secret] = "owner"
    # a server, or a proxy, may quote what it was sent
    hub.faults = [Fault("POST", 418, {"X-Error-Message": f"no: Bearer {secret}, and hf_another0token"})]
    monkeypatch.setattr("time.sleep", lambda _: None)
    shown += "".join(run("push", NAME, "--yes")[1:])
    with pytest.raises(HubError) as caught:
        templatefix.push(NAME, dry_run=False)
    shown += "".join(traceback.format_exception(caught.value))
    hub.faults = []
    pushed = templatefix.push(NAME, dry_run=False)
    shown += repr(pushed) + hub.repositories[NAME].pulls[0].description
    assert "no: Bearer hf_…, and hf_…" in shown
    assert "s3cret" not in shown + caplog.text and "another0token" not in shown


def test_as_a_program_with_its_own_environment(hub: Hub, tmp_path: Path) -> None:
    """`HF_ENDPOINT` and `HF_HUB_OFFLINE` are read at import, so only another process shows that they work."""
    sha = hub.create(NAME, files()).resolve("main")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token(),
    }

    def call(*words: str, **more: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "templatefix", *words]
        ran = subprocess.run(command, capture_output=True, text=True, env={**environment, **more})
        return ran.returncode, ran.stdout, ran.stderr

    code, out, err = call("audit", "--static", NAME)
    assert (code, err.splitlines()[0]) == (1, f"{NAME}@main is {sha}") and "GEN001" in out
    code, _, err = call("audit", "--static", NAME, HF_HUB_OFFLINE="1")
    assert code == 1 and f"is {sha}; the Hub was not reached" in err
    code, out, _ = call("push", NAME, "--yes", "--format", "json")
    document = json.loads(out)
    assert (code, document["done"], document["pushed_to"]) == (0, True, "refs/pr/1")
    assert document["read_back"] == ["holds"]


def test_fewer_requests_than_loading_the_tokenizer(
    hub: Hub, tmp_path: Path, real_tokenizer: Callable[[str], Path]
) -> None:
    """`audit org/name` against `AutoTokenizer.from_pretrained`, each with an empty cache."""
    folder = real_tokenizer("qwen-2.5")
    hub.create(NAME, {file.name: file.read_bytes() for file in folder.iterdir()})
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}

    def requests(code: str) -> int:
        hub.requests.clear()
        environment["HF_HOME"] += "x"
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        return len(hub.requests)

    ours = requests(f"import templatefix; templatefix.audit({NAME!r}, render=False)")
    theirs = requests(f"from transformers import AutoTokenizer; AutoTokenizer.from_pretrained({NAME!r})")
    print(f"requests: audit {ours}, AutoTokenizer.from_pretrained {theirs}")
    assert ours <= 6 < theirs


@pytest.mark.parametrize(
    "said",
    [
        "Illegal header value b'Bearer my\\nsecret'",
        "hf_jwt_eyJ0.my-secret.x",
        "http://me:secret@proxy:80 refused",
        "403 for url 'https://cdn/x?a=b&X-Amz-Signature=secret'",
    ],
)
def test_no_form_of_a_secret_is_shown(hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise httpx.ReadError(said)

    monkeypatch.setattr(httpx.Client, "send", fail)
    code, _, err = run("audit", NAME)
    assert code == 3 and "…" in err and "secret" not in err


def test_a_broken_memory_of_the_cache_is_none(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.create(NAME, files())
    templatefix.audit(NAME, render=False)
    for file in (hub.root.parent / "assets").rglob("*.json"):
        file.write_text("[]")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    templatefix.audit(f"{NAME}@{hub.repositories[NAME].resolve('main')}", render=False)
    with pytest.raises(HubError, match="the cache does not hold"):
        templatefix.audit(NAME, render=False)
