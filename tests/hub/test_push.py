"""What is pushed: one line, proven, once, atomically, by who may; and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

import templatefix
from templatefix import api
from templatefix.errors import HubError, SourceError, UsageError
from templatefix.hub import HubId
from templatefix.model import Pushed
from templatefix.shipping import planning, pushing
from tests.conftest import fixture
from tests.hub import Fault, Hub, Repository
from tests.hub.server import GUEST
from tests.hub.test_reading import NAME, files
from tests.test_cli import Run


@pytest.fixture
def repo(hub: Hub) -> Repository:
    return hub.create(NAME, files())


def posts(hub: Hub) -> list[str]:
    return [each.path for each in hub.requests if each.method == "POST"]


def changed(repo: Repository, revision: str, base: str = "main") -> list[str]:
    diff = repo.git("diff", f"{base}...{revision}", "--unified=0").decode().splitlines()
    return [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_a_dry_run_says_all_and_changes_nothing(hub: Hub, repo: Repository, run: Run) -> None:
    sha = repo.resolve("main")
    code, out, err = run("push", NAME)
    assert code == 0
    assert out.count("+++ b/") == 2 and "+++ b/tokenizer_config.json" in out
    assert '\n+  "chat_template": "{%' in out, "the line of the file"
    assert "\n+        {%- generation %}\n" in out, "the text that it holds"
    assert "EXACT_SPAN        holds" in out
    assert "llama-cpp-python" in out and "--training-file" in out
    assert "you are owner" in err
    assert f"--yes would open a pull request: {NAME}, main at {sha}" in err
    assert posts(hub) == [] and repo.resolve("refs/pr/1") is None
    document = json.loads(run("push", NAME, "--format", "json")[1])
    assert (document["action"], document["done"], document["base"]) == ("open", False, sha)


def test_a_pull_request_is_opened_with_one_line_and_its_proof(hub: Hub, repo: Repository) -> None:
    base = repo.resolve("main")
    pushed = templatefix.push(NAME, dry_run=False)
    assert (pushed.url, pushed.revision) == (f"{hub.url}/{NAME}/discussions/1", "refs/pr/1")
    assert [verdict.outcome for verdict in pushed.verdicts] == ["holds"]
    assert repo.resolve("main") == base and repo.resolve("refs/pr/1") == pushed.sha
    old, new = changed(repo, "refs/pr/1")
    assert old[:1] + new[:1] == "-+" and new.count("generation %}") == 2
    [pull] = repo.pulls
    assert pull.author == "owner" and "{% generation %}" in pull.title
    for part in (
        "| EXACT_SPAN | holds |",
        "| SAME_TEXT | proven |",
        "⟦",
        "llama-cpp-python",
        f"fix {NAME}@{base}",
    ):
        assert part in pull.description
    assert [each.source for each in api.read(f"{NAME}@refs/pr/1")] == [pushed.plan.evidence[0].after]


def test_an_own_open_pull_request_is_updated(hub: Hub, repo: Repository) -> None:
    first = templatefix.push(NAME, dry_run=False)
    again = templatefix.push(NAME, dry_run=False)
    assert (again.plan.action, again.plan.pull, again.sha) == ("nothing", 1, "")
    worse = json.loads(repo.read("refs/pr/1", "tokenizer_config.json"))
    worse["chat_template"] = fixture("branches")
    repo.commit({"tokenizer_config.json": json.dumps(worse, indent=2).encode()}, "Spoil", ref="refs/pr/1")
    second = templatefix.push(NAME, dry_run=False)
    assert (second.plan.action, second.revision, second.url) == ("update", "refs/pr/1", first.url)
    assert len(repo.pulls) == 1 and repo.resolve("refs/pr/1") == second.sha
    assert len(changed(repo, "refs/pr/1")) == 2


def test_a_pull_request_of_another_is_left_alone(
    hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    templatefix.push(NAME, dry_run=False)
    monkeypatch.setenv("HF_TOKEN", hub.token(GUEST))
    assert templatefix.push(NAME, dry_run=False).revision == "refs/pr/2"
    repo.pulls[1].status = "closed"
    other = [CommitOperationAdd("README.md", b"# other\n")]
    HfApi(endpoint=hub.url).create_commit(NAME, other, commit_message="Other work", create_pr=True)
    assert templatefix.push(NAME, dry_run=False).revision == "refs/pr/4"


def test_a_merged_pull_request_leaves_nothing_to_do(hub: Hub, repo: Repository) -> None:
    pushed = templatefix.push(NAME, dry_run=False)
    HfApi(endpoint=hub.url).merge_pull_request(NAME, 1)
    assert api.read(NAME)[0].source == pushed.plan.evidence[0].after
    assert templatefix.push(NAME, dry_run=False).plan.action == "nothing"
    assert api.verify(NAME).outcome == "holds"


def test_direct_needs_the_right_to_write(hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token(GUEST))
    base = repo.resolve("main")
    with pytest.raises(HubError, match="may not do this"):
        templatefix.push(NAME, direct=True, dry_run=False)
    assert posts(hub) == [] and repo.resolve("main") == base
    monkeypatch.setenv("HF_TOKEN", hub.token())
    pushed = templatefix.push(NAME, direct=True, dry_run=False)
    assert repo.resolve("main") == pushed.sha and repo.pulls == []
    assert len(changed(repo, "main", str(base))) == 2


@pytest.mark.parametrize("direct", [True, False])
def test_a_moved_parent_is_refused(
    hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    real = planning.plan

    def slow(wish: object) -> object:
        made = real(wish)  # type: ignore[arg-type]
        repo.commit({"README.md": b"# moved\n"}, "Somebody else")
        return made

    monkeypatch.setattr(pushing, "plan", slow)
    with pytest.raises(HubError, match="has moved since it was read, and nothing was committed"):
        templatefix.push(NAME, direct=direct, dry_run=False)
    assert changed(repo, "main", "main~1") == ["-# model", "+# moved"] and repo.resolve("refs/pr/1") is None


def test_what_does_not_hold_is_not_pushed(hub: Hub, run: Run) -> None:
    hub.create("org/judge", {"chat_template.jinja": fixture("judge_model").encode()})
    code, out, err = run("push", "org/judge", "--yes")
    assert (code, out) == (1, "")
    assert "refused, nothing is pushed" in err and "quoted-as-input" in err
    assert posts(hub) == []


def test_one_refused_variant_holds_back_all(hub: Hub) -> None:
    more = {
        "chat_template.jinja": fixture("branches").encode(),
        "additional_chat_templates/judge.jinja": fixture("judge_model").encode(),
    }
    hub.create(NAME, more)
    refused = templatefix.push(NAME, dry_run=False)
    assert refused.plan.action == "refuse" and posts(hub) == []
    assert "--partial would push the others: 'default'" in refused.plan.reason


def test_the_others_are_pushed_if_that_is_asked_for(hub: Hub, run: Run) -> None:
    judge = {"additional_chat_templates/judge.jinja": fixture("judge_model").encode()}
    repo = hub.create(NAME, template_file(**judge))
    code, _, err = run("push", NAME, "--partial", "--yes")
    assert code == 0 and "judged again: holds\n" in err and "left as it is: " in err
    assert repo.git("diff", "--name-only", "main", "refs/pr/1").decode() == "chat_template.jinja\n"
    assert "no patch of them could be proven: `judge`" in repo.pulls[0].description
    repo.commit({"chat_template.jinja": None}, "The judge alone")
    assert templatefix.push(NAME, partial=True, dry_run=False).plan.action == "refuse"


def test_a_local_patch_is_put_into_the_repository_s_own_bytes(
    hub: Hub, repo: Repository, tmp_path: Path
) -> None:
    local = tmp_path / "patched.jinja"
    local.write_text(api.fix(NAME).after)
    pushed = templatefix.push(local, to=NAME, dry_run=False)
    assert len(changed(repo, "refs/pr/1")) == 2 and pushed.ok
    local.write_text(local.read_text().replace("<|end|>", "<|stop|>"))
    refused = templatefix.push(local, to=NAME, dry_run=False)
    assert refused.plan.action == "refuse" and "SAME_TEXT" in refused.plan.reason


def test_a_new_repository_gets_the_whole_tokenizer(
    hub: Hub, run: Run, real_tokenizer: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = real_tokenizer("qwen-2.5")
    (folder / "model.safetensors").write_bytes(b"weights")
    assert run("push", folder, "--to", "owner/new")[0] == 0
    assert "owner/new" not in hub.repositories
    code, _, err = run("push", folder, "--to", "owner/new", "--private", "--yes")
    assert (code, "judged again: holds" in err) == (0, True)
    made = hub.repositories["owner/new"]
    assert made.private and "model.safetensors" not in made.files("main")
    assert made.read("main", "tokenizer.json") == (folder / "tokenizer.json").read_bytes()
    assert "generation" in json.loads(made.read("main", "tokenizer_config.json"))["chat_template"]


def test_a_file_for_training_alone(hub: Hub, repo: Repository) -> None:
    name = "chat_template_training.jinja"
    pushed = templatefix.push(NAME, training_file=name, dry_run=False)
    assert pushed.ok and [verdict.outcome for verdict in pushed.verdicts] == ["holds"]
    assert set(repo.files("refs/pr/1")) - set(repo.files("main")) == {name}
    assert repo.read("refs/pr/1", "tokenizer_config.json") == repo.read("main", "tokenizer_config.json")
    assert repo.read("refs/pr/1", name).decode() == api.fix(NAME).after
    assert templatefix.push(NAME, training_file=name).plan.action == "nothing"
    for wrong in ("chat_template.jinja", "additional_chat_templates/x.jinja", "../x.jinja", "x.txt"):
        with pytest.raises(UsageError):
            templatefix.push(NAME, training_file=wrong)


def test_another_branch(hub: Hub, repo: Repository) -> None:
    first = repo.resolve("main")
    repo.commit({"README.md": b"# dev\n"}, "Dev", ref="refs/heads/dev", parent=first)
    pushed = templatefix.push(NAME, revision="dev", direct=True, dry_run=False)
    assert repo.resolve("dev") == pushed.sha and repo.resolve("main") == first


def cut(hub: Hub, *, after: bool = False) -> Pushed:
    hub.faults = [Fault(f"POST /api/models/{NAME}/commit", times=1, after=after)]
    with pytest.raises(HubError, match=r"cut.*whether it has committed is not known") as caught:
        templatefix.push(NAME, dry_run=False)
    assert "pushes nothing twice" in caught.value.cure
    return templatefix.push(NAME, dry_run=False)


def test_a_connection_cut_before_the_commit(hub: Hub, repo: Repository) -> None:
    again = cut(hub)
    assert (again.plan.action, len(repo.pulls)) == ("open", 1)


def test_a_connection_cut_after_the_commit(hub: Hub, repo: Repository) -> None:
    again = cut(hub, after=True)
    assert (again.plan.action, len(repo.pulls)) == ("nothing", 1)


def test_what_the_hub_spoils_is_found_out(
    hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Repository.commit

    def spoil(self: Repository, files: dict[str, bytes], *words: str, **more: str) -> str:
        return real(self, {name: data + b" " for name, data in files.items()}, *words, **more)

    monkeypatch.setattr(Repository, "commit", spoil)
    with pytest.raises(HubError, match="not what was pushed"):
        templatefix.push(NAME, dry_run=False)


def test_what_was_pushed_and_not_read_back_is_said(
    hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(where: HubId) -> None:
        raise HubError("the Hub has an error of its own", where=str(where))

    monkeypatch.setattr(pushing, "resolve", fail)
    with pytest.raises(
        HubError, match=r"it was pushed \(.*/discussions/1\), but reading it back failed: the Hub"
    ):
        templatefix.push(NAME, dry_run=False)
    assert repo.resolve("refs/pr/1")


def test_nobody_logged_in_may_look_but_not_push(
    hub: Hub, repo: Repository, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out, err = run("push", NAME)
    assert code == 0 and "generation" in out and "you are not logged in" in err
    code, _, err = run("push", NAME, "--yes")
    assert code == 3 and "log in with `hf auth login`" in err and repo.pulls == []


def test_no_plan_is_made_on_old_files(hub: Hub, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    api.read(NAME)
    monkeypatch.delenv("HF_TOKEN")  # who one is would have to be asked
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="not reached"):
        templatefix.push(NAME)


@pytest.mark.parametrize(
    "words", [["push", "no/such.jinja"], ["push", "x.jinja"], ["push", f"{NAME}@dev", "--revision", "main2"]]
)
def test_wrong_usage(run: Run, words: list[str]) -> None:
    assert run(*words)[0] == 2


def template_file(**more: bytes) -> dict[str, bytes]:
    return {"chat_template.jinja": fixture("branches").encode(), "config.json": b"{}", **more}


def test_a_pull_request_to_another_branch_is_left_alone(hub: Hub, repo: Repository) -> None:
    first = templatefix.push(NAME, dry_run=False)
    repo.commit({"config.json": b'{"a": 1}'}, "Dev", ref="refs/heads/dev", parent=repo.resolve("main"))
    other = templatefix.push(NAME, revision="dev", dry_run=False)
    assert (other.plan.action, other.revision, repo.pulls[1].base) == ("open", "refs/pr/2", "dev")
    assert repo.resolve("refs/pr/1") == first.sha


def test_a_pull_request_that_conflicts_gets_a_successor(hub: Hub, repo: Repository, run: Run) -> None:
    templatefix.push(NAME, dry_run=False)
    config = json.loads(repo.read("main", "tokenizer_config.json"))
    config["chat_template"] += "\n"
    repo.commit({"tokenizer_config.json": json.dumps(config, indent=2).encode()}, "Change the line")
    code, _, err = run("push", NAME, "--yes")
    assert code == 0 and "your pull request 1 conflicts with main by now: close it" in err
    assert [pull.num for pull in repo.pulls] == [1, 2]
    assert "in place of #1" in repo.pulls[1].description
    assert len(changed(repo, "refs/pr/2")) == 2
    assert templatefix.push(NAME).plan.action == "nothing"
    repo.pulls[0].status = "closed"
    HfApi(endpoint=hub.url).merge_pull_request(NAME, 2)
    assert api.verify(NAME).outcome == "holds"


def test_an_update_keeps_what_else_has_moved(hub: Hub, repo: Repository) -> None:
    """The branch has gone on elsewhere: the pull request still merges, and takes nothing back."""
    templatefix.push(NAME, dry_run=False)
    repo.commit({"README.md": b"# moved\n"}, "Elsewhere")
    assert templatefix.push(NAME, dry_run=False).plan.action == "nothing"
    HfApi(endpoint=hub.url).merge_pull_request(NAME, 1)
    assert repo.read("main", "README.md") == b"# moved\n"
    assert api.verify(NAME).outcome == "holds"


def test_only_a_branch_is_pushed_to(hub: Hub, repo: Repository, run: Run) -> None:
    sha = str(repo.resolve("main"))
    repo.git("tag", "v1", "main")
    code, _, err = run("push", f"{NAME}@{sha}")
    assert code == 0 and "a commit cannot be pushed to: name a branch" in err and "--yes would" not in err
    code, _, err = run("push", f"{NAME}@{sha}", "--yes")
    assert code == 2 and "name a branch" in err
    code, _, err = run("push", f"{NAME}@v1", "--yes")
    assert code == 3 and "no branch 'v1'" in err and "a tag or a commit cannot be pushed to" in err
    templatefix.push(NAME, dry_run=False)
    code, _, err = run("push", f"{NAME}@refs/pr/1")
    assert code == 2 and "--direct" in err
    assert templatefix.push(f"{NAME}@refs/pr/1", direct=True).plan.action == "nothing"
    assert len(repo.pulls) == 1


def test_texts_of_two_kinds_are_two_pull_requests(hub: Hub, repo: Repository) -> None:
    plan = templatefix.push(NAME).plan
    changing = replace(plan, evidence=tuple(replace(each, declared=True) for each in plan.evidence))
    assert plan.title != changing.title


def test_an_empty_repository_is_filled(hub: Hub, tmp_path: Path) -> None:
    """A creation that was cut leaves one, and people make one on the web first."""
    (tmp_path / "chat_template.jinja").write_text(fixture("branches"))
    hub.faults = [Fault("POST /api/models/owner/new/commit", times=1)]
    with pytest.raises(HubError, match="not known; the repository was created before"):
        templatefix.push(tmp_path, to="owner/new", private=True, dry_run=False)
    base = hub.repositories["owner/new"].resolve("main")
    again = templatefix.push(tmp_path, to="owner/new", private=True, dry_run=False)
    assert (again.plan.action, again.plan.parent, again.ok) == ("create", base, True)
    hub.create("owner/web", {"README.md": b"# mine\n"})
    with pytest.raises(UsageError, match="exists already"):
        templatefix.push(tmp_path, to="owner/web", private=True)
    assert templatefix.push(tmp_path, to="owner/web", dry_run=False).ok
    assert hub.repositories["owner/web"].read("main", "README.md") == b"# mine\n"
    with pytest.raises(UsageError, match="exists already"):
        templatefix.push(tmp_path, to="owner/web", private=True)


def test_a_new_repository_gets_variants_and_tells_no_paths(hub: Hub, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "my-secret-project"
    (folder / "additional_chat_templates").mkdir(parents=True)
    for name in ("chat_template.jinja", "additional_chat_templates/rag.jinja"):
        (folder / name).write_text(fixture("branches"))
    for name in ("token.json", "hf_token.json", ".token.json"):
        (folder / name).write_text('"hf_notforothers"')
    code, out, err = run("push", folder, "--to", "owner/new")
    assert code == 0 and "public" in err and "token.json" not in out
    code, _, err = run("push", folder, "--to", "owner/new", "--yes")
    assert code == 0 and "judged again: holds, holds" in err
    made = hub.repositories["owner/new"]
    assert {name for name in made.files("main") if "token" in name} == set()
    assert "secret" not in made.git("log", "--format=%B", "main").decode()


def test_a_pointer_is_not_taken_for_its_file(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(fixture("branches"))
    (tmp_path / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(SourceError, match="Git LFS pointer"):
        templatefix.push(tmp_path, to="owner/new")


def test_windows_line_ends_of_a_copy_stay_out(hub: Hub, tmp_path: Path) -> None:
    repo = hub.create(NAME, template_file())
    local = tmp_path / "patched.jinja"
    local.write_bytes(api.fix(NAME).after.replace("\n", "\r\n").encode())
    assert templatefix.push(local, to=NAME, dry_run=False).ok
    assert b"\r" not in repo.read("refs/pr/1", "chat_template.jinja")


def test_half_a_surrogate_stops_nothing_but_a_file_of_utf_8(hub: Hub, run: Run) -> None:
    template = fixture("branches").replace("<|system|>", "<|system|>\ud83d")
    repo = hub.create(NAME, {"tokenizer_config.json": json.dumps({"chat_template": template}).encode()})
    code, _, err = run("push", NAME, "--training-file", "training.jinja", "--yes")
    assert code == 3 and "half of a surrogate pair" in err
    assert templatefix.push(NAME, dry_run=False).ok
    [_, new] = changed(repo, "refs/pr/1")
    assert "\\ud83d" in new and "generation" in new


def test_a_training_file_that_is_there_is_replaced(hub: Hub) -> None:
    repo = hub.create(NAME, template_file(**{"training.jinja": b"mine\n"}))
    plan = templatefix.push(NAME, training_file="training.jinja", dry_run=False).plan
    assert "-mine\n" in plan.diff() and "This replaces `training.jinja`" in repo.pulls[0].description
