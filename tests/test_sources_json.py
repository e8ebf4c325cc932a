"""Replacing strings in JSON: exact bytes, exact values, the old escaping style."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templatefix.sources.jsontext import lookup, pointer, replace_strings, value_span

TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from('<>&/"\\\n\t\x7f\u2028é漢🙂'), max_size=30)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
INDENT = st.sampled_from([None, 0, 2, "\t"])


def string_places(value: Any, *above: str | int) -> list[str]:
    """Pointers of all strings below `value`."""
    if isinstance(value, str):
        return [pointer(*above)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in string_places(inner, *above, key)]


@given(VALUE, TEXT, TEXT, INDENT, st.booleans(), st.sampled_from(["", "\ufeff"]), st.data())
def test_only_the_values_change(
    value: Any, old: str, new: str, indent: Any, ascii_only: bool, mark: str, data: st.DataObject
) -> None:
    document = {"before": value, "chat_template": [{"name": "x", "template": old}], "after": value}
    text = mark + json.dumps(document, indent=indent, ensure_ascii=ascii_only) + " \r\n"
    places = data.draw(
        st.lists(st.sampled_from(string_places(document)), min_size=1, max_size=3, unique=True)
    )
    changed = replace_strings(text, dict.fromkeys(places, new))

    cursor_old = cursor_new = 0
    for span in sorted(value_span(text, place) for place in places):
        gap = span.start - cursor_old
        assert changed[cursor_new : cursor_new + gap] == text[cursor_old : span.start]
        string, cursor_new = json.JSONDecoder().raw_decode(changed, cursor_new + gap)
        assert string == new
        cursor_old = span.end
    assert changed[cursor_new:] == text[cursor_old:]

    parsed = json.loads(changed.removeprefix("\ufeff"))
    assert all(lookup(parsed, place) == new for place in places)
    if ascii_only and not json.dumps(document, ensure_ascii=False).isascii():
        assert changed.removeprefix("\ufeff").isascii()


@given(TEXT, TEXT, st.booleans())
def test_a_value_is_written_as_json_would(old: str, new: str, ascii_only: bool) -> None:
    # Where the old value shows its style, the result is byte for byte what the same encoder had written.
    old += "é"
    before = json.dumps({"chat_template": old}, ensure_ascii=ascii_only)
    after = json.dumps({"chat_template": new}, ensure_ascii=ascii_only)
    assert replace_strings(before, {"/chat_template": new}) == after


@given(VALUE, TEXT)
def test_the_last_duplicate_counts(value: Any, new: str) -> None:
    before = f'{{"a": "first", "a": {json.dumps(value)}, "a": {{"b": 1, "b": '
    changed = replace_strings(before + '"last"}}', {"/a/b": new})
    assert changed == before + json.dumps(new, ensure_ascii=False) + "}}" or not new.isascii()
    assert json.loads(changed) == {"a": {"b": new}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (r"a\u00e9", "aéü", r"a\u00e9\u00fc"),
        (r"a\u00E9", "éü🙂", r"\u00E9\u00FC\uD83D\uDE42"),
        ("é", "éü🙂", "éü🙂"),
        ("plain", "é", "é"),
        (r"\u003c", "<é>&'", r"\u003cé\u003e\u0026'"),
        (r"\u003C\u0027", "<>'", r"\u003C\u003E\u0027"),
        ("<", "<>&", "<>&"),
        (r"<\/s>", "</s></x>", r"<\/s><\/x>"),
        ("</s>", "</x>", "</x>"),
        (r"\u0022\u000a", '"\n', r"\u0022\u000a"),
        (r"\n\"\\", '\r\t\b\f\x01"\\\n', r"\r\t\b\f\u0001\"\\\n"),
        (r"\ud83d\ude42", "🙂🙃", r"\ud83d\ude42\ud83d\ude43"),
        (r"\ud83d é", "\ud83d ü \udc00", r"\ud83d ü \udc00"),
        ("\x7f\u2028", "\u2028\x7f", "\u2028\x7f"),
        (r"C:\\u00e9", "é", "é"),
    ],
)
def test_escaping_style(old: str, new: str, expected: str) -> None:
    assert replace_strings(f'{{"x": "{old}"}}', {"/x": new}) == f'{{"x": "{expected}"}}'


@pytest.mark.parametrize(
    ("other", "expected"),
    [(r"\u4e2d", r"\u00e9"), ("中", "é"), (r"中 \u4e2d", "é"), (r"\u001b", "é"), ("", "é")],
)
def test_the_file_tells_the_style_where_the_value_does_not(other: str, expected: str) -> None:
    text = f'{{"other": "{other}", "x": "plain"}}'
    assert replace_strings(text, {"/x": "é"}) == text.replace("plain", expected)


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1.0", "1e999", "-0", "9" * 5000, "0.1000000000000000055"]
)
def test_numbers_of_any_kind_stay(number: str) -> None:
    text = f'{{"n": [{number}], "x": "a"}}'
    assert replace_strings(text, {"/x": "b"}) == text.replace('"a"', '"b"')


def test_surrogates_that_json_would_join_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly the new text"):
        replace_strings('{"x": "a"}', {"/x": "\ud83d\ude42"})


@pytest.mark.parametrize("place", ["/y", "/x/0", "/list/7", "/list/a"])
def test_a_pointer_that_leads_nowhere(place: str) -> None:
    text = '{"x": "a", "list": [1]}'
    with pytest.raises(LookupError):
        value_span(text, place)
    with pytest.raises(LookupError):
        lookup(json.loads(text), place)
