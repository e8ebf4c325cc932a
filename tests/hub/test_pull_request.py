"""The text of a pull request: Markdown that no template can break, no longer than the Hub takes."""

from __future__ import annotations

from templatefix.model import Evidence, Note, Origin, Plan, PushedFile, Template, Verdict
from templatefix.report import pull_request


def written(source: str, after: str, *, name: str = "default", note: str = "", place: str = "x.jinja") -> str:
    template = Template(source, name, Origin(place))
    verdict = Verdict(notes=(Note("a-note", note),) if note else ())
    evidence = Evidence(template, after, verdict, "registry patch x", sample=(("a\n```\nb", True),))
    files = (PushedFile(place, source.encode(errors="replace"), after.encode(errors="replace")),)
    return pull_request.write(Plan("open", "org/model", "main", "0" * 40, files=files, evidence=(evidence,)))


def test_a_fence_in_the_template_does_not_end_the_diff() -> None:
    text = written("```json\n@somebody\n```\na\n", "```json\n@somebody\n```\nb\n")
    assert "\n````diff\n" in text and text.count("\n````\n") == 2
    inside = text.split("\n````diff\n")[1].split("\n````\n")[0]
    assert " @somebody\n ```\n-a\n+b" in inside


def test_names_and_notes_format_nothing() -> None:
    text = written("a", "b", name="x` @you <b>", note="begins with <think> and @somebody")
    assert "## Template `x' @you <b>`" in text
    assert "&lt;think&gt;" in text and "@somebody" not in text


def test_a_long_diff_is_cut() -> None:
    lines = "".join(f"{number} {'x' * 60}\n" for number in range(3000))
    text = written(lines, lines.replace("x", "y"))
    assert len(text) < 60_000 and " more lines\n```" in text and "See for yourself" in text


def test_half_a_surrogate_can_be_sent() -> None:
    assert "\\ud83d" in written("\ud83d a\n", "\ud83d b\n").encode().decode()


def test_no_path_is_told() -> None:
    text = written("a\n", "b\n", place="/home/me/secret/tokenizer_config.json")
    assert "+++ b/tokenizer_config.json\n" in text
