"""`tests.disguise` renames what is familiar and keeps the text; `python -m tests.disguise` compares verdicts."""

from __future__ import annotations

import pytest

from templatefix.syntax import parse
from tests.conftest import corpus
from tests.disguise.__main__ import main
from tests.disguise.checks import objection
from tests.disguise.compare import Result, compare, disguise
from tests.disguise.rewrites import BLANK_LINES, KINDS, Disguise, add

PLAIN = (
    "{%- for message in messages -%}{%- if message.role == 'assistant' -%}{{ '<|assistant|>\\nassistant\\n' }}"
    "{{ message.recipient ~ message.content }}</s>{%- else -%}{{ '### User:\\n' ~ message['content'] }}{%- endif -%}"
    "{%- endfor -%}{% if add_generation_prompt %}{{ '<|assistant|>\\nassistant\\n' }}{% endif %}"
)


def words(made: Disguise) -> list[str]:
    return [*made.tokens.values(), *made.roles.values(), *made.keys.values()]


@pytest.mark.parametrize(
    ("kind", "renamed"),
    [
        ("tokens", ["<|assistant|>", "</s>"]),
        ("roles", ["assistant", "User"]),
        ("keys", ["recipient"]),
        ("names", []),
        ("layout", []),
    ],
)
def test_each_kind_renames_its_words_and_keeps_the_text(kind: str, renamed: list[str]) -> None:
    made = add(Disguise(PLAIN), kind, "seed")
    assert made.source != PLAIN
    assert words(made) == renamed
    assert not objection(PLAIN, made)
    assert made == add(Disguise(PLAIN), kind, "seed")


def test_no_familiar_string_remains() -> None:
    made, applied, left_out = disguise("plain", PLAIN, "1")
    assert set(applied) == set(KINDS)
    assert not left_out
    for word in ("<|", "</s>", "User", "recipient", "in messages -%}{%-", "nassistant"):
        assert word in PLAIN
        assert word not in made.source
    assert ".role == 'assistant'" in made.source


@pytest.mark.parametrize("name", ["trl/qwen3", "trl/gemma", "trl/deepseekv3_training", "trl/gemma4_v5"])
def test_a_real_template_keeps_its_text(name: str) -> None:
    source = corpus()[name]
    made, applied, left_out = disguise(name, source, "1")
    assert {"tokens", "names"} <= set(applied)
    assert not left_out
    assert not any(token in made.source for token in made.tokens.values())


def test_role_words_stay_where_the_role_of_a_message_is_printed() -> None:
    both = PLAIN.replace("'### User:\\n'", "message.role")
    assert add(Disguise(both), "roles", "1").source == both


def test_a_token_that_is_also_put_together_from_parts_stays() -> None:
    parts = "{{ '<|' ~ message.role ~ '|>' }}"
    source = PLAIN.replace("{{ '### User:\\n' ~", f"{parts}{{{{ '[INST]' ~")
    source = source.replace("{{ '<|assistant|>", f"{parts}{{{{ '", 1)
    assert "put together from parts: <|assistant|>" in objection(source, add(Disguise(source), "tokens", "1"))
    made, applied, _ = disguise("parts", source, "1", ["tokens"])
    assert applied == ("tokens",)
    assert sorted(made.tokens.values()) == ["</s>", "[INST]"]
    assert "'<|assistant|>" in made.source


@pytest.mark.parametrize(
    ("old", "new"), [("{{ '<|assistant|>", "{{ '§zo§"), ("</s>", "§zo§"), ("message['content']", "'x'")]
)
def test_a_disguise_that_changes_the_text_is_not_one(old: str, new: str) -> None:
    wrong = Disguise(PLAIN.replace(old, new), tokens={"((zo))": "<|assistant|>"})
    assert objection(PLAIN, wrong) == "a plain conversation renders to another text"


def test_a_template_that_renders_nothing_is_skipped() -> None:
    result = compare("raises", "{{ raise_exception('no') }}", lambda _: ("holds", ""), "1")
    assert result == Result("raises", reason="no plain conversation renders")


def test_a_changed_verdict_names_the_kinds_that_cause_it() -> None:
    result = compare("plain", PLAIN, lambda source: ("holds" if "</s>" in source else "fails", "why"), "1")
    assert (result.before, result.after, result.causes, result.reason) == (
        "holds",
        "fails",
        ("tokens",),
        "why",
    )
    assert result.changed
    assert [word.partition(" as ")[0] for word in result.words] == ["'</s>'"]


def test_only_a_registry_patch_may_become_another_patch() -> None:
    assert not Result("one", before="patched registry", after="patched split").changed
    assert Result("one", before="patched registry", after="refused").changed
    assert Result("one", before="patched split", after="patched capture").changed


def test_blank_lines_are_printed_before_the_generation_prompt_and_before_outputs() -> None:
    loop = "{% for message in messages %}\n{{ message.content }}\n{% endfor %}"
    source = f"{loop}{{% if add_generation_prompt %}}A:{{% endif %}}"
    made = Disguise(source)
    for kind in BLANK_LINES:
        made = add(made, kind, "1")
    assert "\n  {{ message.content }}" in made.source
    assert "add_generation_prompt %}\nA:" in made.source
    parse(made.source)


def test_the_command_compares_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--verify", "trl/cohere_training"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 1 templates compared" in printed
    assert "changed: 0 of 1" in printed
