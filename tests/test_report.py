"""What people and programs get to see of a report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from rich.cells import cell_len

from templatefix import rules
from templatefix.model import Edit, Finding, Fix, Origin, Report, Safety, Severity, Span, Template
from templatefix.report import json_, text
from templatefix.report.snippet import excerpt, visible

UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ud800-\udfff]")
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e\u200b\ud800\r\x00"


def finding(source: str, span: Span, **fields: Any) -> Finding:
    template = fields.pop("template", None) or Template(source, origin=Origin("chat_template.jinja"))
    head = source[: span.start]
    values = {
        "code": "GEN001",
        "rule": "missing-markers",
        "severity": Severity.ERROR,
        "message": "No generation block.",
        "cure": "Add one.",
        "line": head.count("\n") + 1,
        "column": span.start - head.rfind("\n"),
    }
    return Finding(template=template, span=span, **{**values, **fields})


def report(*findings: Finding) -> Report:
    return Report(tuple(each.template for each in findings), findings)


class TestText:
    def test_a_finding(self) -> None:
        source = "{{ bos }}\n\t{% for m in messages %}\n{% endfor %}"
        fix = Fix((Edit(Span(0, 0), ""),), Safety.SAFE, "write it")
        shown = text.write(report(finding(source, Span(11, 34), fix=fix)))
        assert shown == (
            "chat_template.jinja:2:2 GEN001 missing-markers [error]\n"
            "  |\n"
            "2 |     {% for m in messages %}\n"
            "  |     ^^^^^^^^^^^^^^^^^^^^^^^\n"
            "  No generation block.\n"
            "  cure: Add one.\n"
            "  fix: write it (safe)\n"
            "\n"
            "1 template, 1 finding (1 error)\n"
        )

    def test_place_within_json_and_variant(self) -> None:
        template = Template(
            "{{ a }}", name="tool_use", origin=Origin("tokenizer_config.json", "/chat_template/1/template")
        )
        shown = text.write(report(finding("{{ a }}", Span(3, 4), template=template)))
        head = (
            "tokenizer_config.json#/chat_template/1/template:1:4 GEN001 missing-markers [error] in tool_use\n"
        )
        assert shown.startswith(head)

    def test_long_reasons_are_wrapped_under_their_label(self) -> None:
        one = finding("{{ a }}" * 99, Span(70, 77), message="word " * 30, cure="和" * 70)
        lines = text.write(report(one), width=60).splitlines()
        assert max(cell_len(line) for line in lines) == 60
        assert cell_len(lines[2]) == cell_len(lines[7]) == 60
        assert [line[:9] for line in lines[4:10]] == ["  word wo"] * 3 + ["  cure: 和"] + ["        和"] * 2

    def test_line_ends_are_normalised_before_the_line_is_looked_up(self) -> None:
        _, one = rules.check([Template("{{ a }}\r\n\r\n{% for m in messages %}\r\n{{ m }}{% endfor %}")])
        assert "\n3 | {% for m in messages %}\n  | ^^^^^^^^^^^^^^^^^^^^^^^\n" in text.write(report(one))

    def test_wide_line_numbers_keep_the_gutter_straight(self) -> None:
        lines = text.write(report(finding("\n" * 99 + "{{ a }}", Span(99, 106)))).splitlines()
        assert lines[1:4] == ["    |", "100 | {{ a }}", "    | ^^^^^^^"]

    def test_colour_repeats_what_the_text_says(self) -> None:
        one = finding("{{ a }}", Span(0, 7), severity=Severity.WARNING)
        colored = text.write(report(one), color=True)
        assert "\x1b[1;33m[warning]\x1b[0m" in colored
        assert re.sub(r"\x1b\[[\d;]*m", "", colored) == text.write(report(one))

    def test_markup_in_a_template_is_text(self) -> None:
        assert "1 | [bold]:smile:[/bold]\n" in text.write(report(finding("[bold]:smile:[/bold]", Span(0, 1))))

    @pytest.mark.parametrize("color", [False, True])
    def test_nothing_hostile_reaches_the_terminal(self, color: bool) -> None:
        template = Template(HOSTILE + "{{ a }}", name=HOSTILE, origin=Origin(HOSTILE, HOSTILE))
        fix = Fix((), Safety.DISPLAY, HOSTILE)
        one = finding(template.source, Span(0, 3), template=template, message=HOSTILE, cure=HOSTILE, fix=fix)
        shown = text.write(report(one), color=color)
        assert UNSAFE.search(re.sub(r"\x1b\[[\d;]*m", "", shown)) is None
        assert shown.count(r"\x1b]0;owned\x07\x9b31m\u202e\u200b\ud800") == 7

    @pytest.mark.parametrize(
        ("templates", "severities", "line"),
        [
            (0, "", "no templates checked"),
            (1, "", "1 template checked, no findings"),
            (2, "", "2 templates checked, no findings"),
            (3, "WE", "3 templates, 2 findings (1 error, 1 warning)"),
            (1, "EEI", "1 template, 3 findings (2 errors, 1 info)"),
            (1, "WWII", "1 template, 4 findings (2 warnings, 2 info)"),
        ],
    )
    def test_the_last_line_sums_up(self, templates: int, severities: str, line: str) -> None:
        kinds = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}
        findings = tuple(finding("{{ a }}", Span(0, 1), severity=kinds[each]) for each in severities)
        shown = text.write(Report((Template("{{ a }}"),) * templates, findings))
        assert shown.endswith(f"{line}\n") and text.summary(Report((), ())) == "no templates checked"


class TestExcerpt:
    @pytest.mark.parametrize(
        ("source", "under", "line", "carets"),
        [
            ("{{ a }}", "a", "{{ a }}", "   ^"),
            ("x\n{{ 你好 }}\ny", "你好", "{{ 你好 }}", "   ^^^^"),
            ("\t你\ta", "a", "    你    a", " " * 10 + "^"),
            ("ab\ncd  \nef", "cd  \nef", "cd  ", "^^"),
            ("ab\n\ncd", "\n\ncd", "ab", "  ^"),
            ("\x1b[1m{{ a }}", "{{ a }}", r"\x1b[1m{{ a }}", "       ^^^^^^^"),
            ("e\u0301\u0301x", "\u0301", "e\u0301\u0301x", " ^"),
            ("a", "", "a", "^"),
            ("\n{{ a }}", "{{ a }}", "{{ a }}", "^^^^^^^"),
            ("\na", "\na", "", "^"),
        ],
    )
    def test_short_lines(self, source: str, under: str, line: str, carets: str) -> None:
        start = source.index(under)
        assert excerpt(source, Span(start, start + len(under)), 80) == (line, carets)

    def test_a_line_that_fits_exactly_is_whole(self) -> None:
        assert excerpt("a" * 30, Span(29, 30), 30) == ("a" * 30, " " * 29 + "^")
        assert excerpt("a" * 31, Span(30, 31), 30)[0] == "…" + "a" * 28

    @pytest.mark.parametrize("filler", ["a", "字", "a字", "\t", "\x1b", "e\u0301"])
    @pytest.mark.parametrize("place", [0, 7, 2500, 4993, 5000])
    @pytest.mark.parametrize("length", [0, 1, 20, 3000])
    @pytest.mark.parametrize("width", [59, 60])
    def test_long_lines_are_cut_round_the_span(
        self, filler: str, place: int, length: int, width: int
    ) -> None:
        source = filler * place + "{" + "%" * length + filler * (5000 - place)
        span = Span(len(filler) * place, len(filler) * place + 1 + length)
        line, carets = excerpt(source, span, width)
        assert cell_len(line) <= width and cell_len(carets) <= width
        least = 30 if filler == "e\u0301" else width - 2 * cell_len(visible(filler))  # marks take no room
        assert cell_len(line) >= least, "the room is used"
        assert visible(source).startswith(line.removesuffix("…")) == (not line.startswith("…"))
        assert visible(source).endswith(line.removeprefix("…")) == (not line.endswith("…"))
        assert line.removeprefix("…").removesuffix("…") in visible(source)
        shown = line[line.index("{") :]
        assert len(carets.strip()) == min(1 + length, len(shown.rstrip("…")))
        assert cell_len(line[: line.index("{")]) == carets.index("^")

    def test_context_on_both_sides(self) -> None:
        line, carets = excerpt("<" * 500 + "{{ a }}" + ">" * 500, Span(500, 507), 41)
        assert line == "…" + "<" * 16 + "{{ a }}" + ">" * 16 + "…"
        assert carets == " " * 17 + "^" * 7


class TestJson:
    def test_dump_is_stable(self) -> None:
        assert json_.dump({"b": "é你", "a": [1]}) == '{\n  "b": "é你",\n  "a": [\n    1\n  ]\n}\n'

    def test_hostile_text_is_escaped_and_comes_back(self) -> None:
        dumped = json_.dump({"text": HOSTILE})
        assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\ud800-\udfff]", dumped) is None
        assert json.loads(dumped) == {"text": HOSTILE}

    def test_output_keeps_to_the_schema(self) -> None:
        broken = Template(
            "{% generation %}{{ a }}", name="rag", origin=Origin("f.json", "/x"), effective=False
        )
        templates = [
            Template("{{ messages }}"),
            Template("{%+ generation %}a{% endgeneration %}", name="b"),
            broken,
        ]
        document = json.loads(json_.write(Report(tuple(templates), rules.check(templates))))
        assert len(document["findings"]) == 3
        assert [each["fixable"] for each in document["findings"]] == [False, True, False]
        assert list(problems(document, json_.audit_schema())) == []

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("schema_version",), 2),
            (("kind",), "verify"),
            (("ok",), 0),
            (("findings", 0, "severity"), "fatal"),
            (("findings", 0, "code"), "GEN1"),
            (("findings", 0, "line"), 0),
            (("findings", 0, "end"), "7"),
            (("templates", 0), {}),
        ],
    )
    def test_the_schema_refuses(self, path: tuple[Any, ...], value: object) -> None:
        document = json.loads(json_.write(report(finding("{{ a }}", Span(0, 1)))))
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert list(problems(document, json_.audit_schema())) != []

    def test_the_schema_describes_every_key(self) -> None:
        document = json.loads(json_.write(report(finding("{{ a }}", Span(0, 1)))))
        schema = json_.audit_schema()
        assert set(document) == set(schema["properties"]) == set(schema["required"])
        for name in ("template", "finding"):
            part = schema["$defs"][name]
            assert set(document[f"{name}s"][0]) == set(part["properties"]) == set(part["required"])


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> list[str]:
    """What is wrong with `value`, by the few keywords of JSON schema that ours uses."""
    root = root or schema
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    unknown = set(schema) - {
        *("$schema", "$defs", "title", "description", "type", "required", "properties", "items"),
        *("const", "enum", "pattern", "minimum"),
    }
    assert not unknown, f"keywords this check does not know: {unknown}"
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    wrong: list[str] = []
    if "type" in schema and type(value) is not types[schema["type"]]:
        return [f"{value!r} is not a {schema['type']}"]
    if "const" in schema and value != schema["const"]:
        wrong.append(f"{value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.append(f"{value!r} does not match")
    if "minimum" in schema and value < schema["minimum"]:
        wrong.append(f"{value!r} is too small")
    wrong += [f"{key} is missing" for key in schema.get("required", ()) if key not in value]
    for key, part in schema.get("properties", {}).items():
        wrong += problems(value[key], part, root) if key in value else []
    for each in value if "items" in schema else ():
        wrong += problems(each, schema["items"], root)
    return wrong


def test_light_to_import() -> None:
    heavy = "{'transformers', 'torch', 'numpy', 'tokenizers', 'rich.markdown', 'rich.syntax', 'pygments'}"
    modules = "templatefix.rules, templatefix.report.text, templatefix.report.json_"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
