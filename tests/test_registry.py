"""The registry: data that is checked at load, applied by anchors, and proven on pristine templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from templatefix import registry
from templatefix.errors import RegistryError, UsageError
from templatefix.fixing import fix
from templatefix.model import Template
from tests.conftest import corpus

GOOD = """\
family = "toy"
models = ["org/toy"]
why = "because"
seen = ["{sha}"]

[[edit]]
find = "{{{{ x }}}}"
put = "{{% generation %}}{{{{ x }}}}{{% endgeneration %}}"
""".format(sha="0" * 64)


def toy(tmp_path: Path, text: str = GOOD) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("family", [patch.family for patch in registry.load()])
def test_each_pristine_template_is_patched_by_its_family(family: str) -> None:
    patch = registry.find(family)
    known = {registry.digest(source): source for source in corpus().values()}
    assert set(patch.seen) <= set(known), "a seen hash belongs to no template of the test packages"
    for digest in patch.seen:
        assert patch.knows(known[digest])
        outcome = fix(Template.from_source(known[digest]))
        assert (outcome.status, outcome.method, outcome.family) == ("patched", "registry", family), (
            outcome.reason
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
    assert [each.family for each in registry.candidates(pristine)] == [family]
    assert not list(registry.candidates(pristine.replace(after, after + more)))


def test_several_anchors_serve_only_templates_that_were_reviewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = GOOD + '\n[[edit]]\nfind = "y"\nput = "z"\n'
    patch = registry.read(toy(tmp_path, two.replace("0" * 64, registry.digest("{{ x }}y"))))
    monkeypatch.setattr(registry, "load", lambda: (patch,))
    assert len(list(registry.candidates("{{ x }}y"))) == 1
    assert not list(registry.candidates("{{ x }}-y"))


def test_a_hash_ignores_line_ends() -> None:
    assert registry.digest("a\r\nb") == registry.digest("a\nb")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("why", "reason", r"toy\.toml:3: unknown key 'reason'"),
        ('why = "because"\n', "", "'why' is missing"),
        ('models = ["org/toy"]', 'models = "org/toy"', r"toy\.toml:2: 'models' is missing, empty or no list"),
        ("0" * 64, "0" * 63, r"toy\.toml:4: '0+' in 'seen' is no sha256"),
        ('family = "toy"', 'family = "tory"', r"toy\.toml:1: 'family' is not the file's name"),
        ("put", "place", r"toy\.toml:6: an \[\[edit\]\] is malformed"),
        ("seen = [", "seen = ", r"toy\.toml: no valid TOML.*line 4"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        registry.read(toy(tmp_path, GOOD.replace(old, new)))


def test_an_unknown_family_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"llama3, qwen2\.5"):
        registry.find("nobody")
