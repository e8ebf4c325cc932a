"""What the documents show is what the code does."""

from __future__ import annotations

import re

import pytest

from templatefix.analysis import TemplateAnalysis
from templatefix.expected import ExpectedSpan, expected_spans
from templatefix.model import Message
from templatefix.syntax import parse
from tests.conftest import ROOT
from tests.test_layers import FLOORS

SPANS = (ROOT / "docs" / "how-spans-are-found.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
CHAT: list[Message] = [
    {"role": "user", "content": "Is it raining in Paris?"},
    {"role": "assistant", "content": "<call>weather Paris</call>"},
    {"role": "tool", "content": "Sunny."},
    {"role": "assistant", "content": "No, it is sunny."},
]


@pytest.fixture
def analysis() -> TemplateAnalysis:
    found = re.search(r"```jinja\n(.*?)\n```", SPANS, re.DOTALL)
    assert found is not None
    return TemplateAnalysis(parse(found[1]))


def rows(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def test_the_worked_example_renders_as_shown(analysis: TemplateAnalysis) -> None:
    text = analysis.plain(CHAT, None, False, {})
    assert text is not None
    assert f"```text\n{text}```" in SPANS


def test_the_origins_are_those_shown(analysis: TemplateAnalysis) -> None:
    trace = analysis.view(CHAT).full
    assert trace is not None
    shown = 0
    for index, origin in enumerate(trace.origins):
        text = trace.text[trace.starts[index] : trace.ends[index]]
        where = f"literal at offset {origin.place}"
        if origin.kind == "message":
            where = "message {}, `{}`".format(*origin.place)
        if trace.ats[index] == 1 or text in ("tool",):
            assert rows(f"`{text!r}`", where, trace.ats[index]) in SPANS
            shown += 1
    assert shown == 7


def test_the_settings_are_those_shown(analysis: TemplateAnalysis) -> None:
    assert analysis.settings == ({}, {"enable_thinking": False})
    bare = analysis.plain(CHAT[:1], None, False, {})
    for setting, name in zip(analysis.settings, ("none", "`enable_thinking=False`"), strict=True):
        asked = analysis.plain(CHAT[:1], None, True, setting)
        assert asked is not None and bare is not None
        assert rows(name, f"`{asked[len(bare) :]!r}`") in SPANS


def test_the_spans_are_those_shown(analysis: TemplateAnalysis) -> None:
    view = analysis.view(CHAT)
    assert view.full is not None
    for turn in expected_spans(view):
        assert isinstance(turn, ExpectedSpan)
        [end] = turn.ends
        longer, shorter = (f"`{view.full.text[start:end]!r}`" for start in sorted(turn.starts))
        assert rows(turn.message, longer, shorter) in SPANS


def test_the_floors_are_those_of_the_code() -> None:
    listed = re.findall(r"^\| (\d+) \| ([^|]+) \|", ARCHITECTURE, re.MULTILINE)
    assert [(int(floor), tuple(re.findall(r"`([^`]+)`", names))) for floor, names in listed] == [
        *enumerate(FLOORS)
    ]


def test_files_that_are_named_exist() -> None:
    package = ROOT / "templatefix"
    for path in re.findall(r"`([a-z]+/[a-z_]+\.py)`", ARCHITECTURE):
        assert (package / path).exists() or (ROOT / path).exists(), path
    for path in re.findall(r"`templatefix/([a-z]+/[a-z_]*(?:\.py)?)`", ARCHITECTURE):
        assert (package / path).exists(), path


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_documents_are_linked(page: str) -> None:
    text = (ROOT / page).read_text()
    assert "(docs/how-spans-are-found.md)" in text and "(docs/architecture.md)" in text
