"""The registry: data that is checked at load, applied by anchors, and proven on pristine templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from templatefix import registry
from templatefix.cli import main
from templatefix.errors import RegistryError, UsageError
from templatefix.fixing import fix, proposals, training
from templatefix.model import Template
from templatefix.registry import Patch, loading
from templatefix.stripping import strip
from templatefix.syntax import parse as parse_template
from templatefix.syntax import same_without_markers
from tests.conftest import corpus, fixture

GOOD = """\
family = "toy"
models = ["org/toy"]
why = "because"
seen = ["{sha}"]

[[edit]]
find = "{{{{ x }}}}"
put = "{{% generation %}}{{{{ x }}}}{{% endgeneration %}}"
""".format(sha="0" * 64)


def toy(tmp_path: Path, text: str = GOOD, name: str = "toy") -> Path:
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


KNOWN = {registry.digest(source): source for source in corpus().values()}
SEEN = [(patch, sha) for patch in registry.load() for sha in patch.seen]
NOT_STRIPPED = {"functiongemma"}
"""A name that a marker of theirs encloses is used again, for something else, behind it; `strip` refuses."""
TESTED_ONLY = {
    "functiongemma",
    "gemma4",
    "gemma4-interleaved",
    "gemma4-v2",
    "gemma4-v3",
    "gemma4-v5",
    "command-r7b",
    "gpt-oss",
    "hermes-4",
    "hermes-4-14b",
    "llama3",
    "nemotron-3",
    "nemotron-3-ultra",
    "nemotron-3.5",
    "qwen2.5",
    "qwen3-coder",
    "qwen3-coder-next",
    "qwen3-training",
    "qwen3.5-training",
    "qwq",
}
"""Patches that write the turn anew, or guard by more than a role: no proof but the probes says that its text stays."""


REFUTED = {
    "functiongemma": "marks what opens a function's response, which is no text of the assistant's",
}
"""Families whose patch the judge refutes since it knows where characters come from, and why; others are found."""


def judged(patch: Patch, sha: str) -> None:
    propose = training if patch.changes else proposals
    outcome = fix(Template.from_source(KNOWN[sha]), propose)
    assert (outcome.status, outcome.method, outcome.family) == ("patched", "registry", patch.family), (
        outcome.reason
    )
    assert outcome.verdict.outcome == "holds"
    assert outcome.verdict.proven == (patch.family not in TESTED_ONLY)
    assert outcome.safety is patch.safety


@pytest.mark.parametrize("patch", registry.load(), ids=lambda patch: patch.family)
def test_a_pristine_template_is_patched_by_its_family(patch: Patch) -> None:
    if patch.family in REFUTED:
        outcome = fix(Template.from_source(KNOWN[patch.seen[0]]))
        assert outcome.status == "patched" and outcome.family != patch.family
        assert any(each.family == patch.family for each in outcome.attempts)
        return
    judged(patch, patch.seen[0])


@pytest.mark.slow
@pytest.mark.parametrize(("patch", "sha"), SEEN, ids=[f"{patch.family}-{sha[:12]}" for patch, sha in SEEN])
def test_every_pristine_template_is_patched_by_its_family(patch: Patch, sha: str) -> None:
    if patch.family not in REFUTED:
        judged(patch, sha)


@pytest.mark.parametrize("patch", registry.load(), ids=lambda patch: patch.family)
def test_every_hash_is_of_a_template_that_the_patch_fits(patch: Patch) -> None:
    for sha in patch.seen:
        source = parse_template(KNOWN[sha])  # of a template of the test packages, or nobody could review it
        after = parse_template(patch.candidate(source.text).after)
        assert same_without_markers(source, after) == (patch.family not in TESTED_ONLY)
        if patch.family not in NOT_STRIPPED:
            assert "generation %}" not in strip(Template.from_source(after.text))


def test_no_two_families_claim_one_template() -> None:
    claims = Counter((sha, patch.safety) for patch, sha in SEEN)
    assert [claim for claim, times in claims.items() if times > 1] == []


def test_anchors_hold_a_part_of_the_template_not_the_template() -> None:
    for patch, sha in SEEN:
        assert sum(len(anchor.find) for anchor in patch.edits) < max(300, 0.75 * len(KNOWN[sha])), (
            patch.family
        )


def test_a_patch_applies_where_each_anchor_stands_once(tmp_path: Path) -> None:
    patch = registry.read(toy(tmp_path))
    assert patch.candidate("a{{ x }}b").after == "a{% generation %}{{ x }}{% endgeneration %}b"
    for other in ("a", "{{ x }}{{ x }}"):
        assert not patch.fits(other)
        with pytest.raises(RegistryError, match="does not fit"):
            patch.candidate(other)


LOOSE = {
    "qwen2.5": (
        "{%- for tool_call in message.tool_calls %}",
        "{%- if tool_call.hidden %}{% continue %}{% endif %}",
    ),
    "qwen3-coder": ("{%- for tool_call in message.tool_calls %}", "{{- message.note }}"),
}


@pytest.mark.parametrize("family", LOOSE)
def test_a_template_that_does_more_between_the_lines_is_not_the_family(family: str) -> None:
    after, more = LOOSE[family]
    pristine = next(source for source in corpus().values() if registry.find(family).knows(source))
    assert next(registry.candidates(pristine)).family == family
    others = registry.candidates(pristine.replace(after, after + more))
    assert family not in [each.family for each in others]


def test_a_reviewed_patch_is_tried_first_then_the_most_specific(tmp_path: Path) -> None:
    source = "a{{ x }}y"
    known = registry.read(toy(tmp_path, GOOD.replace("0" * 64, registry.digest(source))))
    small = registry.read(toy(tmp_path, GOOD.replace("toy", "small"), "small"))
    large = registry.read(toy(tmp_path, GOOD.replace("toy", "large") + SECOND, "large"))
    other = registry.read(toy(tmp_path, GOOD.replace("toy", "other").replace("{{ x }}", "{{ z }}"), "other"))
    found = registry.candidates(source, [other, small, large, known])
    assert [each.family for each in found] == ["toy", "large", "small"]


def test_a_hash_ignores_line_ends() -> None:
    assert registry.digest("a\r\nb") == registry.digest("a\nb")


SECOND = '\n[[edit]]\nfind = "y"\nput = "z"\n'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("why", "reason", r"toy\.toml:3: unknown key 'reason'"),
        ('why = "because"\n', "", r"toy\.toml: 'why' is missing"),
        ('models = ["org/toy"]', 'models = "org/toy"', r"toy\.toml:2: 'models' is missing, empty or no list"),
        ('["org/toy"]', "[1]", r"toy\.toml:2: 'models' holds something other than strings"),
        ("0" * 64, "0" * 63, r"toy\.toml:4: '0+' in 'seen' is no sha256"),
        ('family = "toy"', 'family = "tory"', r"toy\.toml:1: 'family' is not the file's name"),
        ("put", "place", r"toy\.toml:6: an \[\[edit\]\] is malformed"),
        (
            "{% generation %}{{ x }}{% endgeneration %}",
            "{{ x }}",
            r"toy\.toml:6: an \[\[edit\]\] changes nothing",
        ),
        (
            GOOD,
            GOOD + SECOND.replace("y", "{{ x }}"),
            r"toy\.toml:10: two \[\[edit\]\]s have the same `find`",
        ),
        (GOOD, GOOD + SECOND.replace("put", "and = 1\nput"), r"toy\.toml:10: an \[\[edit\]\] is malformed"),
        ("[[edit]]", '[[changes]]\nprobe = "x"\n[[edit]]', r"toy\.toml:6: 'changes' is malformed"),
        ("[[edit]]", "changes = 1\n[[edit]]", r"toy\.toml:6: 'changes' is no list"),
        ("seen = [", "seen = ", r"toy\.toml:4: no valid TOML"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        registry.read(toy(tmp_path, GOOD.replace(old, new)))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match=r"toy\.toml: no UTF-8"):
        registry.read(tmp_path / "toy.toml")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ x }}{{ x }}y", r"toy\.toml:6: .*stands more than once"),
        ("{{ x }}", r"toy\.toml:10: .*is not in this template"),
        ("{{ x y}}", r"toy\.toml:6: .*is not in this template"),
    ],
)
def test_an_anchor_that_does_not_fit_is_named_with_its_line(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        registry.read(toy(tmp_path, GOOD + SECOND)).candidate(source)


def test_anchors_that_overlap_are_no_fit(tmp_path: Path) -> None:
    patch = registry.read(toy(tmp_path, GOOD + SECOND.replace('"y"', '"x }}y"')))
    assert not patch.fits("{{ x }}y")
    with pytest.raises(RegistryError, match=r"toy\.toml:10: .*overlaps"):
        patch.candidate("{{ x }}y")


@pytest.fixture
def poor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry of one good file, one broken, and one whose anchor is not in the template it lists."""
    folder = tmp_path / "patches"
    folder.mkdir()
    (folder / "toy.toml").write_text(GOOD)
    (folder / "bad.toml").write_text(GOOD.replace("why", "reason"))
    stale = GOOD.replace("toy", "stale").replace("0" * 64, registry.digest(fixture("branches")))
    (folder / "stale.toml").write_text(stale)
    monkeypatch.setattr(loading, "folder", lambda: folder)
    loading._files.cache_clear()
    yield folder
    loading._files.cache_clear()


def test_a_broken_file_leaves_the_rest_usable(poor: Path) -> None:
    assert [patch.family for patch in registry.load()] == ["stale", "toy"]
    assert [error.where for error in registry.broken()] == [f"{poor / 'bad.toml'}:3"]
    assert [each.family for each in registry.candidates("a{{ x }}b")] == ["stale", "toy"]
    assert [error.where for error in registry.misfits(fixture("branches"))] == [f"{poor / 'stale.toml'}:6"]


def test_the_command_line_warns_of_broken_files_and_goes_on(
    poor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "chat_template.jinja"
    template.write_text(fixture("branches"))
    assert ended(["fix", "-q", str(template)]) == 0
    printed = capsys.readouterr()
    assert "{%- generation %}" in printed.out
    assert f"warning: {poor / 'bad.toml'}:3: unknown key 'reason'" in printed.err
    assert f"warning: {poor / 'stale.toml'}:6: the patch stale does not fit" in printed.err
    assert ended(["patches", "list"]) == 1
    listed = capsys.readouterr().out
    assert "toy" in listed and f"broken: {poor / 'bad.toml'}:3" in listed


def test_an_unknown_family_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*qwen2\.5"):
        registry.find("qwen-2.5")
    with pytest.raises(UsageError, match="patches list"):
        registry.find("nobody")
