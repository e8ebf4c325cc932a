"""A part of the corpus against its golden table; `python -m tests.corpus` runs the whole."""

from __future__ import annotations

import pytest

from tests.conftest import corpus
from tests.corpus.table import load, row, same

GOLDEN = load()
PART = sorted(GOLDEN)[5::71]


def test_the_table_holds_every_template() -> None:
    assert set(GOLDEN) == set(corpus())


@pytest.mark.parametrize("name", PART)
def test_nothing_changed(name: str) -> None:
    now = row((name, corpus()[name]))
    assert same(now, GOLDEN[name]), f"{GOLDEN[name]} is now {now}: run `python -m tests.corpus --update`"
