"""The judge refutes mutants of right templates, and none of the right ones: a fixed sample of `tests.mutants`."""

from __future__ import annotations

import pytest

from templatefix.model import DEFAULT_POLICY, Policy
from tests.mutants import (
    NOT_RIGHT,
    Subject,
    accepted,
    drawn,
    originals,
    patched,
    trained,
)
from tests.mutation import Mutant, mutants

REFUSED = {"own/hiding_markers", "own/judge_model", "own/results_in_turn"}
OWN = sorted(name for name in originals() if name.startswith("own/") and name not in REFUSED)
TRL = (
    "trl/cohere",
    "trl/gemma",
    "trl/lfm2",
    "trl/llama3",
    "trl/llava_next",
    "trl/phi3",
    "trl/phi3_5",
    "trl/qwen2_5",
)
TRAINING = {
    "trl/cohere_training": DEFAULT_POLICY,
    "trl/gemma_training": Policy(whitespace="allowed"),
    "trl/llama3_training": DEFAULT_POLICY,
    "trl/llava_next_training": DEFAULT_POLICY,
}
EACH = 1
"""How many mutants of each template are in the sample."""


def sample(subject: Subject) -> list[tuple[Mutant, str]]:
    """Mutants that change the mask, chosen by the template's name, and the fate of each."""
    wrong: list[tuple[Mutant, str]] = []
    for mutant in drawn(subject):
        fate, _ = subject.fate(mutant)
        assert fate not in ("survived", "false alarm"), f"{fate}: {mutant.operator}, line {mutant.line}"
        if fate in ("killed", "undecided"):
            wrong.append((mutant, fate))
        if len(wrong) == EACH:
            break
    return wrong


@pytest.mark.parametrize("name", [*OWN, *TRL])
def test_a_patch_of_ours_is_right_and_its_mutants_are_not(name: str) -> None:
    subject = patched(name)
    assert subject is not None
    assert [fate for _, fate in sample(subject)] == ["killed"] * EACH


@pytest.mark.parametrize("name", TRAINING)
def test_a_training_template_is_right_and_its_mutants_are_not(name: str) -> None:
    subject = accepted(name)
    assert subject is not None
    assert subject.policy == TRAINING[name]
    assert [fate for _, fate in sample(subject)] == ["killed"] * EACH


def test_every_exception_exists() -> None:
    assert set(NOT_RIGHT) < set(trained())
    assert not set(NOT_RIGHT) & set(TRAINING)


def test_a_prompt_that_stands_in_place_of_an_end_is_seen() -> None:
    subject = patched("own/eos_after_loop")
    assert subject is not None
    fates = {(each.operator, each.line): subject.fate(each)[0] for each in mutants(subject.source)}
    assert fates["mark an output", 5] == "killed"
