"""Engines that inference stacks render with: which of them reject a marked template, and that it is the markers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from templatefix import api
from templatefix.inference import engines, notes
from templatefix.model import Engine, Template
from tests.conftest import fixture
from tests.test_cli import Run, run

__all__ = ["run"]


def by_name(source: str) -> dict[str, Engine]:
    return {engine.name: engine for engine in engines(Template.from_source(source))}


def marked() -> str:
    return api.fix(Template.from_source(fixture("branches"))).after


def test_stock_jinja2_rejects_the_tag_and_nothing_else() -> None:
    assert by_name(fixture("branches"))["jinja2"].outcome == "accepts"
    found = by_name(marked())["jinja2"]
    assert (found.outcome, found.by_marker) == ("rejects", True)
    assert "generation" in found.detail


def test_what_renders_nowhere_is_not_judged() -> None:
    assert (
        by_name("{% generation %}{{ raise_exception('no') }}{% endgeneration %}")["jinja2"].outcome
        == "undecided"
    )


def test_what_an_engine_rejects_without_markers_too_is_not_blamed_on_them() -> None:
    pytest.importorskip("minijinja")
    source = "{% for m in messages %}{{ '%s' % m.content }}{% generation %}{% endgeneration %}{% endfor %}"
    found = by_name(source)["minijinja"]
    assert (found.outcome, found.by_marker) == ("rejects", False)


def test_minijinja_where_it_is_installed() -> None:
    pytest.importorskip("minijinja")
    assert by_name(fixture("branches"))["minijinja"].outcome == "accepts"
    found = by_name(marked())["minijinja"]
    assert (found.outcome, found.by_marker) == ("rejects", True)


def test_minijinja_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minijinja", None)
    assert by_name(marked())["minijinja"] == Engine("minijinja", "not-installed")


def test_notes_offer_the_alternatives() -> None:
    text = " ".join(notes(engines(Template.from_source(marked()))))
    assert "llama-cpp-python" in text and "--training-file" in text and "templatefix strip" in text
    assert notes(engines(Template.from_source(fixture("branches")))) == ()


def test_the_command_says_so_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "chat_template.jinja"
    path.write_text(marked())
    assert run("verify", path)[0] == 0
    code, out, _ = run("verify", "--inference", path)
    assert code == 1
    assert "jinja2     rejects: Encountered unknown tag 'generation'" in out
    document = json.loads(run("verify", "--inference", "--format", "json", path)[1])
    [first, _] = document["templates"][0]["inference"]
    assert (first["name"], first["outcome"], first["rejects_markers"]) == ("jinja2", "rejects", True)
    path.write_text(fixture("branches"))
    assert run("verify", "--inference", "--exit-zero", path)[0] == 0


def test_the_date_is_no_difference() -> None:
    dated = Template.from_source("{{ strftime_now('%d %b %Y') }}" + fixture("branches"))
    assert [engine.outcome for engine in engines(dated)] == ["accepts", "accepts"]
