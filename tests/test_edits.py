from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templatefix.edits import Newlines, apply
from templatefix.model import Edit, Span


def edit(start: int, end: int, text: str) -> Edit:
    return Edit(Span(start, end), text)


def test_applies_in_any_order() -> None:
    assert apply("abcdef", [edit(4, 5, "E"), edit(0, 1, "A"), edit(2, 2, "-")]) == "Ab-cdEf"


def test_insertions_at_one_place_keep_their_order() -> None:
    assert apply("ab", [edit(1, 1, "1"), edit(1, 1, "2")]) == "a12b"


@pytest.mark.parametrize("edits", [[edit(0, 2, ""), edit(1, 3, "")], [edit(2, 9, "")]])
def test_refuses_edits_that_overlap_or_lie_outside(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match=r"overlap|outside"):
        apply("abc", edits)


@given(st.text(alphabet="ab\r\n"))
def test_no_edits_give_the_text_back(text: str) -> None:
    assert Newlines.of(text).apply([]) == text


@given(st.text(alphabet="ab\r\n"), st.data())
def test_edits_of_the_normal_text_land_in_the_raw_one(raw: str, data: st.DataObject) -> None:
    newlines = Newlines.of(raw)
    at = data.draw(st.integers(0, len(newlines.normal)))
    changed = newlines.apply([edit(at, at, "X")])
    assert Newlines.of(changed.replace("X", "")).normal in (newlines.normal, Newlines.of(raw).normal)
    assert changed.replace("X", "") == raw
    assert Newlines.of(changed).normal == f"{newlines.normal[:at]}X{newlines.normal[at:]}"


def test_inserted_lines_end_as_the_text_does() -> None:
    assert Newlines.of("a\r\nb\r\n").apply([edit(2, 2, "x\n")]) == "a\r\nx\r\nb\r\n"
