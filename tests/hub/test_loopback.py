"""The loopback Hub answers the real client as the Hub does; what rests on it stands on these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub import Hub
from tests.hub.server import GUEST

NAME = "org/model"


def add(path: str, content: bytes) -> list[CommitOperationAdd | CommitOperationDelete]:
    return [CommitOperationAdd(path, content)]


def test_reads(hub: Hub) -> None:
    repo = hub.create(NAME, {"a.txt": b"one", "dir/b.txt": b"two"})
    api = HfApi(endpoint=hub.url)
    info = api.model_info(NAME, files_metadata=True)
    assert info.sha == repo.resolve("main")
    sizes = {each.rfilename: each.size for each in info.siblings or []}
    assert (sizes["a.txt"], sizes["dir/b.txt"]) == (3, 3)
    path = hf_hub_download(NAME, "dir/b.txt", revision=info.sha, endpoint=hub.url)
    assert Path(path).read_bytes() == b"two"
    assert [each.path for each in api.list_repo_tree(NAME, "dir")] == ["dir/b.txt"]
    assert [each.title for each in api.list_repo_commits(NAME)] == ["Add files", "initial commit"]
    [branch] = api.list_repo_refs(NAME).branches
    assert (branch.name, branch.target_commit) == ("main", info.sha)
    assert api.whoami()["name"] == "owner"


def test_a_commit_is_atomic_and_compares_its_parent(hub: Hub) -> None:
    repo = hub.create(NAME, {"a.txt": b"one"})
    api, base = HfApi(endpoint=hub.url), repo.resolve("main")
    made = api.create_commit(
        NAME,
        [*add("b.txt", b"two"), CommitOperationDelete("a.txt")],
        commit_message="Two",
        parent_commit=base,
    )
    assert made.oid == repo.resolve("main") != base
    assert repo.read("main", "b.txt") == b"two" and "a.txt" not in repo.files("main")
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_commit(NAME, add("c.txt", b"x"), commit_message="x", parent_commit=base)
    assert caught.value.response.status_code == 412 and repo.resolve("main") == made.oid


def test_a_pull_request_is_opened_updated_and_merged(hub: Hub) -> None:
    repo = hub.create(NAME, {"a.txt": b"one"})
    guest, owner = HfApi(endpoint=hub.url, token=hub.token(GUEST)), HfApi(endpoint=hub.url)
    made = guest.create_commit(NAME, add("a.txt", b"two"), commit_message="Change", create_pr=True)
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    assert repo.read("main", "a.txt") == b"one" and repo.read("refs/pr/1", "a.txt") == b"two"
    guest.create_commit(NAME, add("a.txt", b"three"), commit_message="More", revision="refs/pr/1")
    [pull] = guest.get_repo_discussions(NAME, author=GUEST, discussion_status="open")
    assert (pull.num, pull.title, pull.git_reference) == (1, "Change", "refs/pr/1")
    assert "+three" in (guest.get_discussion_details(NAME, 1).diff or "")
    with pytest.raises(HfHubHTTPError):
        guest.merge_pull_request(NAME, 1)
    owner.merge_pull_request(NAME, 1)
    assert repo.read("main", "a.txt") == b"three"
    assert list(guest.get_repo_discussions(NAME, discussion_status="open")) == []


def test_refusals_have_the_clients_own_classes(hub: Hub) -> None:
    hub.create(NAME, {"a.txt": b"one"}).gated = True
    hub.create("org/secret").private = True
    guest = HfApi(endpoint=hub.url, token=hub.token(GUEST))
    assert guest.model_info(NAME).gated == "manual"
    with pytest.raises(GatedRepoError):
        hf_hub_download(NAME, "a.txt", endpoint=hub.url, token=hub.token(GUEST))
    for name in ("org/secret", "org/absent"):
        with pytest.raises(RepositoryNotFoundError):
            guest.model_info(name)
    with pytest.raises(RevisionNotFoundError):
        guest.model_info(NAME, revision="nowhere")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download(NAME, "b.txt", endpoint=hub.url)
    for token, status in ((hub.token(GUEST), 403), ("hf_wrong", 401)):
        with pytest.raises(HfHubHTTPError) as caught:
            HfApi(endpoint=hub.url, token=token).auth_check(NAME, write=True)
        assert caught.value.response.status_code == status
    HfApi(endpoint=hub.url).auth_check(NAME, write=True)


def test_a_repository_is_made_once(hub: Hub) -> None:
    api = HfApi(endpoint=hub.url)
    assert api.create_repo("owner/new", private=True) == f"{hub.url}/owner/new"
    assert hub.repositories["owner/new"].private
    api.create_repo("owner/new", exist_ok=True)
    with pytest.raises(HfHubHTTPError):
        api.create_repo("owner/new")


def test_transformers_reads_its_template(hub: Hub) -> None:
    from transformers.utils.hub import cached_file

    hub.create(NAME, {"tokenizer_config.json": json.dumps({"chat_template": "x"}).encode()})
    path = cached_file(NAME, "tokenizer_config.json")
    assert json.loads(Path(path or "").read_text()) == {"chat_template": "x"}
