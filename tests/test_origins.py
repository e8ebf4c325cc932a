"""A traced text behaves as the plain one, and each of its characters points to where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from templatefix.render.origins import (
    DERIVED,
    Origin,
    Safe,
    Traced,
    derived,
    escaped,
    fields_in,
    joined,
    plain,
    segments_of,
)

CHARACTERS = "ab<> \n\t\r\x1c&'ßİé{}%"
words = st.text(CHARACTERS, max_size=8)
separators = st.text(CHARACTERS, min_size=1, max_size=2)
counts = st.integers(-1, 4)
places = st.integers(-12, 12)


class Book:
    """Texts of several origins in a row, in which every character has a number."""

    def __init__(self, parts: list[str], kind: type[Traced] = Traced) -> None:
        self.origins = [Origin("literal", 100 * at) for at in range(len(parts))]
        pairs = zip(parts, self.origins, strict=True)
        self.text = joined("", [Traced.of(text, origin) for text, origin in pairs])
        if kind is Safe:
            self.text = Safe(plain(self.text), self.text.segments)
        self.plain = "".join(parts)
        self.first = [len("".join(parts[:at])) for at in range(len(parts))]

    def numbers(self, text: str) -> list[int | None]:
        """The number of each character of a result; `None` for those of other origins."""
        assert sum(length for _, _, length in segments_of(text)) == len(text)
        found: list[int | None] = []
        for origin, begin, length in segments_of(text):
            if origin in self.origins:
                first = self.first[self.origins.index(origin)] + begin
                found += range(first, first + length)
            else:
                found += [None] * length
        return found

    def owned(self, text: str) -> None:
        """Check that each character of a result is the one that it points to."""
        for char, number in zip(plain(text), self.numbers(text), strict=True):
            assert number is None or self.plain[number] == char


books = st.lists(words, min_size=1, max_size=4).map(Book)


@given(books, st.none() | places, st.none() | places, st.sampled_from([None, 1, 2, -1, -3]))
def test_slices(book: Book, start: int | None, stop: int | None, step: int | None) -> None:
    cut = slice(start, stop, step)
    assert plain(book.text[cut]) == book.plain[cut]
    assert book.numbers(book.text[cut]) == list(range(len(book.plain)))[cut]


@given(books, places)
def test_single_characters(book: Book, at: int) -> None:
    if not -len(book.plain) <= at < len(book.plain):
        with pytest.raises(IndexError):
            book.text[at]
        return
    assert plain(book.text[at]) == book.plain[at]
    assert book.numbers(book.text[at]) == [range(len(book.plain))[at]]


@given(books)
def test_iteration_and_reversal(book: Book) -> None:
    assert [*map(plain, book.text)] == [*book.plain]
    assert [book.numbers(char) for char in book.text] == [[at] for at in range(len(book.plain))]
    assert plain("".join(reversed(book.text))) == book.plain[::-1]


CUTS: dict[str, Callable[[Any, str], Any]] = {
    "strip": lambda text, chars: text.strip(chars),
    "lstrip": lambda text, chars: text.lstrip(chars),
    "rstrip": lambda text, chars: text.rstrip(chars),
    "strip blanks": lambda text, _: text.strip(),
    "lstrip blanks": lambda text, _: text.lstrip(),
    "rstrip blanks": lambda text, _: text.rstrip(),
    "removeprefix": lambda text, chars: text.removeprefix(chars),
    "removesuffix": lambda text, chars: text.removesuffix(chars),
}


@pytest.mark.parametrize("name", CUTS)
@given(book=books, chars=words)
def test_cuts_at_the_ends(name: str, book: Book, chars: str) -> None:
    found = CUTS[name](book.text, chars)
    expected = CUTS[name](book.plain, chars)
    assert plain(found) == expected
    numbers = book.numbers(found)
    if numbers:
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    if name.startswith(("lstrip", "removeprefix")):
        assert numbers == list(range(len(book.plain)))[len(book.plain) - len(expected) :]
    if name.startswith(("rstrip", "removesuffix")):
        assert numbers == list(range(len(expected)))


@pytest.mark.parametrize("side", ["split", "rsplit"])
@given(book=books, sep=separators | st.none(), most=counts)
@example(book=Book([" a b", "a  "]), sep=None, most=1)
def test_splits(side: str, book: Book, sep: str | None, most: int) -> None:
    found = getattr(book.text, side)(sep, most)
    assert [*map(plain, found)] == getattr(book.plain, side)(sep, most)
    at = 0
    for index, part in enumerate(found):
        numbers = book.numbers(part)
        assert None not in numbers
        if sep is not None:
            at += len(sep) if index else 0
        else:  # only whitespace is between two parts
            first = numbers[0] if numbers else at
            assert first is not None and not book.plain[at:first].strip()
            at = first
        assert numbers == list(range(at, at + len(part)))
        at += len(part)


@given(books, st.booleans())
def test_lines(book: Book, keepends: bool) -> None:
    found = book.text.splitlines(keepends)
    assert [*map(plain, found)] == book.plain.splitlines(keepends)
    whole = book.plain.splitlines(True)
    at = 0
    for line, kept in zip(found, whole, strict=True):
        assert book.numbers(line) == list(range(at, at + len(line)))
        at += len(kept)


@pytest.mark.parametrize("side", ["partition", "rpartition"])
@given(book=books, sep=separators)
def test_partitions(side: str, book: Book, sep: str) -> None:
    found = getattr(book.text, side)(sep)
    assert tuple(map(plain, found)) == getattr(book.plain, side)(sep)
    assert [number for part in found for number in book.numbers(part)] == list(range(len(book.plain)))


@given(books, words, words, counts)
@example(Book(["aaa"]), "a", "", -1)
@example(Book(["", "ab"]), "", "<", 1)
def test_replacement(book: Book, old: str, new: str, most: int) -> None:
    origin = Origin("literal", 9000)
    found = book.text.replace(old, Traced.of(new, origin), most)
    assert plain(found) == book.plain.replace(old, new, most)
    book.owned(found)
    if old:
        kept = [number for number in book.numbers(found) if number is not None]
        replaced = book.plain.count(old) if most < 0 else min(book.plain.count(old), most)
        assert kept == sorted(kept)
        assert len(kept) == len(book.plain) - replaced * len(old)
        assert sum(length for each, _, length in found.segments if each is origin) == replaced * len(new)


@given(books, books, words)
def test_sums(book: Book, other: Book, text: str) -> None:
    for found, expected in (
        (book.text + other.text, book.plain + other.plain),
        (book.text + text, book.plain + text),
        (text + book.text, text + book.plain),
    ):
        assert isinstance(found, Traced) and plain(found) == expected
    assert book.numbers(text + book.text) == [None] * len(text) + list(range(len(book.plain)))
    assert book.numbers(book.text + other.text)[: len(book.plain)] == list(range(len(book.plain)))


@given(books, st.integers(-1, 3))
def test_repetition(book: Book, times: int) -> None:
    for found in (book.text * times, times * book.text):
        assert plain(found) == book.plain * times
        assert book.numbers(found) == list(range(len(book.plain))) * times


@given(books, st.lists(words, max_size=4))
def test_joins(book: Book, items: list[str]) -> None:
    found = book.text.join(items)
    assert plain(found) == book.plain.join(items)
    assert book.numbers(found).count(None) == sum(map(len, items))
    book.owned(found)


def test_a_join_raises_where_str_does() -> None:
    with pytest.raises(TypeError):
        Traced("-").join(["a", 1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        Traced("-") + 1  # type: ignore[operator]


@pytest.mark.parametrize("name", ["upper", "lower", "title", "capitalize"])
@given(book=books)
@example(book=Book(["stra", "ße"]))
@example(book=Book(["İ", "x"]))
def test_letters(name: str, book: Book) -> None:
    found = getattr(book.text, name)()
    expected = getattr(book.plain, name)()
    assert plain(found) == expected
    if len(expected) == len(book.plain):
        assert book.numbers(found) == list(range(len(book.plain)))
    else:
        assert set(book.numbers(found)) == {None}


OTHERS: dict[str, Callable[[Any], Any]] = {
    "center": lambda text: text.center(20),
    "contains": lambda text: "a" in text,
    "count": lambda text: text.count("a"),
    "endswith": lambda text: text.endswith((" ", "a")),
    "equal": lambda text: text == "ab",
    "expandtabs": lambda text: text.expandtabs(),
    "find": lambda text: text.find("b"),
    "format": lambda text: f"{text:>30}",
    "hash": lambda text: {text: 1} == {str.__str__(text): 1},
    "isspace": lambda text: text.isspace(),
    "length": lambda text: len(text),
    "less": lambda text: text < "b",
    "ljust": lambda text: text.ljust(9, "-"),
    "startswith": lambda text: text.startswith("a"),
    "str": lambda text: str(text),
    "swapcase": lambda text: text.swapcase(),
    "translate": lambda text: text.translate({97: "xy"}),
    "truth": lambda text: bool(text),
    "zfill": lambda text: text.zfill(9),
}


@pytest.mark.parametrize("name", OTHERS)
@given(book=books)
def test_everything_else_is_as_with_str(name: str, book: Book) -> None:
    assert OTHERS[name](book.text) == OTHERS[name](book.plain)


@given(words, st.lists(words, max_size=2))
def test_formats_name_what_they_are_computed_from(text: str, more: list[str]) -> None:
    said = Traced.of(text, Origin("message", (1, "content")))
    for found, expected in (
        (Traced("<%s>") % said, f"<{text}>"),
        (Traced("<{}>").format(said), f"<{text}>"),
        (Traced("{a}{b}").format(a=said, b=more), f"{text}{more}"),
    ):
        assert plain(found) == expected
        assert set(fields_in(found)) == ({(1, "content")} if text else set())


def test_what_is_computed_from_nothing_known_is_derived() -> None:
    assert derived("7", 7).segments == ((DERIVED, 0, 1),)
    assert derived("", 7).segments == ()
    assert [*fields_in(derived("ab", [{"k": Traced.of("x", Origin("message", (0, "content")))}]))] == [
        (0, "content")
    ]


@given(books, books)
def test_a_merge_keeps_the_order(book: Book, other: Book) -> None:
    again = book.text[: len(book.plain) // 2] + book.text[len(book.plain) // 2 :]
    assert book.numbers(again) == list(range(len(book.plain)))
    kept = [each for each in again.segments if each[0].kind == "literal"]
    assert kept == [*again.segments], "cut and joined again, nothing is lost"
    assert len(again.segments) == len(book.text.segments), "segments that go on are one"


def _marked(text: str) -> Iterator[tuple[Any, Markup]]:
    origin = Origin("literal", 5)
    yield Safe(text, ((origin, 0, len(text)),) if text else ()), Markup(text)


SAFE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda safe, text: safe + text,
    "add before": lambda safe, text: text + safe,
    "add safe": lambda safe, text: safe + safe,
    "join": lambda safe, text: safe.join([text, safe]),
    "multiply": lambda safe, text: safe * 2,
    "slice": lambda safe, text: safe[1:],
    "strip": lambda safe, text: safe.strip(),
    "upper": lambda safe, text: safe.upper(),
    "cut and add": lambda safe, text: safe[:2] + text,
    "replace": lambda safe, text: safe.replace("a", text),
    "split and add": lambda safe, text: safe.partition("a")[0] + text,
    "format": lambda safe, text: (safe.replace("{", "").replace("}", "") + "{}").format(text),
    "percent": lambda safe, text: (safe.replace("%", "") + "%s") % text,
}


UNLIKE_MARKUP = pytest.mark.xfail(reason="`Safe` does not escape what is put into it", strict=True)
NAMES = [
    pytest.param(name, marks=UNLIKE_MARKUP) if name in ("replace", "format", "percent") else name
    for name in SAFE
]


@pytest.mark.parametrize("name", NAMES)
@given(text=words, more=words)
def test_safe_text_escapes_what_markup_does(name: str, text: str, more: str) -> None:
    [(safe, markup)] = _marked(text)
    found, expected = SAFE[name](safe, more), SAFE[name](markup, more)
    assert plain(found) == str(expected)
    assert sum(length for _, _, length in segments_of(found)) == len(found)


@given(books)
def test_escaping_keeps_origins(book: Book) -> None:
    found = escaped(book.text)
    assert plain(found) == str(escape(book.plain))
    assert escaped(found) == found, "what is safe is not escaped again"
    origins = [origin for origin, _, _ in found.segments]
    assert set(origins) <= set(book.origins)


@given(books, separators)
def test_texts_of_texts_stay_texts(book: Book, sep: str) -> None:
    assume(book.plain)
    for part in (*book.text.split(sep), *book.text.partition(sep), book.text[0], str(book.text)):
        assert isinstance(part, Traced)
