"""The text of a pull request: Markdown that no template can break, no longer than the Hub takes."""

from __future__ import annotations

from dataclasses import replace

from templatefix.model import Action, Evidence, Note, Origin, Plan, PushedFile, Template, Verdict
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


def test_the_commands_are_those_that_show_it() -> None:
    template = Template("a", origin=Origin("x.jinja"))
    one = Evidence(template, "b", Verdict(), "registry patch x")

    def commands(action: Action, evidence: Evidence = one, branch: str = "main") -> list[str]:
        files = (PushedFile("x.jinja", b"a", b"b"),)
        text = pull_request.write(
            Plan(
                action,
                "org/m",
                branch,
                "0" * 8,
                pull=7 * (action == "update"),
                files=files,
                evidence=(evidence,),
            )
        )
        return [line.partition("  #")[0] for line in text.splitlines() if line.startswith("templatefix ")]

    original = " --original org/m@00000000"
    assert commands("open") == [
        "templatefix fix org/m@00000000",
        f"templatefix verify org/m@refs/pr/N{original}",
    ]
    assert commands("update")[1] == f"templatefix verify org/m@refs/pr/7{original}"
    assert commands("commit", branch="dev")[1] == f"templatefix verify org/m@dev{original}"
    assert commands("open", replace(one, declared=True)) == [
        "templatefix fix org/m@00000000 --variant training",
        "templatefix verify org/m@refs/pr/N",
    ]
    assert commands("open", replace(one, how="capture-all"))[0].endswith(" --allow capture-all")
    assert commands("open", replace(one, how="marked already")) == [
        f"templatefix verify org/m@refs/pr/N{original}"
    ]


def test_no_more_is_claimed_than_is_known() -> None:
    assert "the same on every conversation that was tried" in written("a", "b")
    template = Template("a", origin=Origin("x.jinja"))
    proven = Evidence(template, "b", Verdict(proven=True), "registry patch x")
    text = pull_request.write(Plan("open", "org/m", "main", "0" * 8, evidence=(proven,)))
    assert "stays the same, for every conversation" in text


def test_no_path_is_told() -> None:
    text = written("a\n", "b\n", place="/home/me/secret/tokenizer_config.json")
    assert "+++ b/tokenizer_config.json\n" in text
