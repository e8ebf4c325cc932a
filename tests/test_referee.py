"""`tests.referee` sees a right mask and a wrong one; `python -m tests.referee` compares all families."""

from __future__ import annotations

from tests.conftest import corpus
from tests.referee import CONVERSATIONS, FAMILIES, compare, compare_source

QWEN = next(family for family in FAMILIES if family.name == "Qwen3")


def test_a_patch_has_the_mask_of_the_hand_written_renderer() -> None:
    comparison = compare(QWEN)
    assert comparison.equal == [*CONVERSATIONS]
    assert comparison.agrees


def test_a_mask_with_the_newline_after_the_end_of_turn_differs() -> None:
    comparison = compare_source(QWEN, corpus()["trl/qwen3_training"], ["one round"])
    assert comparison.different == ["one round"]
    assert not comparison.agrees
    assert dict(comparison.runs) == {r"'\n' trained by the template alone": 1}
    assert r"first difference: one round: '\n' trained by the template alone" in str(comparison)


def test_nothing_compared_is_not_an_agreement() -> None:
    comparison = compare_source(QWEN, corpus()["trl/qwen3_training"], ["two rounds"])
    assert comparison.other_ids == ["two rounds"]
    assert not comparison.agrees


def test_every_template_exists() -> None:
    assert {family.template for family in FAMILIES} <= set(corpus())
