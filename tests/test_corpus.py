"""A part of the corpus comes out as the golden table says; `python -m tests.corpus` compares the whole."""

from __future__ import annotations

import pytest

from tests.conftest import corpus
from tests.corpus.table import load, row, same

GOLDEN = load()
PART = sorted(GOLDEN)[5::71]


@pytest.mark.parametrize("name", PART)
def test_a_template_comes_out_as_before(name: str) -> None:
    found = row((name, corpus()[name]))
    assert same(found, GOLDEN[name]), f"{found} was {GOLDEN[name]}"


def test_the_table_knows_every_template() -> None:
    assert sorted(GOLDEN) == sorted(corpus())
