"""The tracker of transformers, loaded without the rest of it: the same output, and no trace of the loading."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from templatefix.errors import RenderError
from templatefix.judge import tracker
from templatefix.probes import MATRIX, PLACEHOLDERS, Probe
from tests.conftest import corpus

NAMES = (
    "two turns",
    "reasoning field, two turns",
    "tool call with content and reasoning, then the tool",
    "parts with media",
)
PROBES = [probe for probe in MATRIX if probe.name in NAMES]


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    """Load the file anew in each test, and forget what a test has loaded."""
    tracker._from_file.cache_clear()
    yield
    tracker._from_file.cache_clear()


def rendered(function: Any, source: str, probe: Probe) -> Any:
    """Return the texts and spans, or the error."""
    try:
        return function(
            [list(probe.messages)],
            chat_template=source,
            return_assistant_tokens_mask=True,
            **{**probe.arguments, **PLACEHOLDERS},
        )
    except Exception as error:  # noqa: BLE001  # a template may raise anything
        return type(error), str(error)


def test_texts_and_spans_are_those_of_transformers() -> None:
    alone = tracker._from_file()
    assert alone is not None
    assert alone is not render_jinja_template
    spans = 0
    for source in corpus().values():
        for probe in PROBES:
            expected = rendered(render_jinja_template, source, probe)
            assert rendered(alone, source, probe) == expected
            spans += isinstance(expected[1], list) and len(expected[1][0])
    assert len(PROBES) == len(NAMES)
    assert spans > 100


def run(code: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


LOAD = """
import sys
from templatefix.judge.tracker import _from_file, render_function, tracked
from templatefix.probes import MATRIX, PLACEHOLDERS
def show():
    function = render_function()
    rendered = tracked("{% for m in messages %}{{ m.content }}{% endfor %}", MATRIX[0], PLACEHOLDERS)
    names = [name for name in sys.modules if "transformers" in name.split(".")[0]]
    print(function.__module__, len(names), rendered.spans)
"""
REAL = """
import transformers
from transformers.utils import chat_template_utils
assert transformers.__version__ and transformers.utils.chat_template_utils is chat_template_utils
assert transformers.utils.__file__ and transformers.PreTrainedTokenizerFast.__module__.startswith("transformers.")
import logging
assert len(logging.getLogger("transformers").handlers) == 1
"""


def test_a_real_import_works_after_the_file_alone() -> None:
    alone, real = run(f"{LOAD}\nshow()\n{REAL}\nshow()\nassert render_function() is not _from_file()")
    assert alone == "_templatefix_transformers.utils.chat_template_utils 0 ()"
    assert real.startswith("transformers.utils.chat_template_utils ")


def test_an_imported_transformers_is_used() -> None:
    (real,) = run(f"{REAL}\n{LOAD}\nshow()\nassert _from_file.cache_info().misses == 0")
    assert real.startswith("transformers.utils.chat_template_utils ")


@pytest.mark.parametrize(
    "broken",
    [
        "tracker.import_module = lambda name: 1 / 0",
        "tracker.find_spec = lambda name: None",
        "tracker._require_spans.__code__ = (lambda render: 1 / 0).__code__",
    ],
)
def test_whatever_fails_the_ordinary_import_remains(broken: str) -> None:
    code = f"{LOAD}\nfrom templatefix.judge import tracker\n{broken}\nshow()\nassert tracker._ALIAS not in sys.modules"
    (real,) = run(code)
    assert real.startswith("transformers.utils.chat_template_utils ")


def test_a_function_with_other_spans_is_not_taken() -> None:
    with pytest.raises(ValueError, match="other spans"):
        tracker._require_spans(lambda *_, **__: (["assistant: Paris."], [[]]))


def test_a_template_that_raises_raises_a_render_error() -> None:
    with pytest.raises(RenderError, match="TemplateError: no"):
        tracker.tracked("{{ raise_exception('no') }}", MATRIX[0], PLACEHOLDERS)
