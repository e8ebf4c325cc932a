"""Each rule against its own cases, against what transformers really does, and against real templates."""

from __future__ import annotations

import inspect
import random
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from jinja2 import TemplateSyntaxError
from transformers.utils.chat_template_utils import render_jinja_template

from templatefix import edits, rules
from templatefix.errors import SyntaxProblem, UsageError
from templatefix.judge import claims as judge_claims
from templatefix.judge import exact as judge_exact
from templatefix.judge import faults as judge_faults
from templatefix.judge import notes as judge_notes
from templatefix.model import Finding, Origin, Safety, Severity, Template
from templatefix.rules import catalogue, examples, markers, trial
from templatefix.rules.rule import Case, Rule

from .conftest import corpus, fixture, package_folder

CHAT = [
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer", "tool_calls": [1]},
]
CONTEXT = {"a": "alpha", "b": "beta", "tools": [{"name": "tool"}]}
NO_RULE_OF_ITS_OWN = {
    "limit-exceeded": "makes a check undecided: MSK015 reports it with the limit",
    "span-unknown": "makes a check undecided: MSK015 reports it with the reason",
    "format-unsupported": "says of a probe's format that the template does not support it; nothing is wrong",
    "one-way-test": "says which test no probe met both ways; nothing is wrong",
}
"""Names of faults and notes that no rule is named after, and why."""
TAG = re.compile(r"\{%([-+]?)\s*(end)?generation:?\s*([-+]?)%\}")


def rendered(source: str, **variables: Any) -> tuple[str, list[str]]:
    """The text transformers renders, and the parts of it that it masks."""
    given = {**CONTEXT, **variables}
    texts, spans = render_jinja_template(
        [CHAT], chat_template=source, return_assistant_tokens_mask=True, **given
    )
    return texts[0], [texts[0][start:end] for start, end in spans[0]]


def unmarked(source: str) -> str:
    """The template with tags in place of its markers that trim whitespace alike and do nothing else."""
    return TAG.sub(lambda tag: f"{{%{tag[1]} {'endif' if tag[2] else 'if true'} {tag[3]}%}}", source)


def target(case: Case) -> list[Template]:
    variants = [Template(source, name=f"variant{i}") for i, source in enumerate(case.siblings)]
    own = Template(case.source, case.name, Origin(case.place), effective=case.effective)
    return [own, *variants, *case.beside]


def found(rule: Rule, case: Case) -> list[Finding]:
    templates = target(case)
    return [
        each
        for each in rules.check(templates, render=rule.renders)
        if each.rule == rule.name and each.template is templates[0]
    ]


def cases(kind: str, *codes: str) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule.code}-{kind}{number}")
        for rule in rules.ALL
        if not codes or rule.code in codes
        for number, case in enumerate(getattr(rule.cases, kind))
    ]


def check(source: str, **fields: Any) -> tuple[Finding, ...]:
    return rules.check([Template(source, **fields)])


class TestCases:
    @pytest.mark.parametrize(("rule", "case"), cases("good"))
    def test_good(self, rule: Rule, case: Case) -> None:
        assert found(rule, case) == []

    @pytest.mark.parametrize(("rule", "case"), cases("bad"))
    def test_bad(self, rule: Rule, case: Case) -> None:
        findings = found(rule, case)
        assert tuple(each.span.of(case.source) for each in findings) == case.underlined != ()
        assert {each.severity for each in findings} == {case.severity or rule.severity}
        assert all(each.message and each.cure == rule.cure and each.code == rule.code for each in findings)

    @pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.code)
    def test_every_rule_has_cases_and_documentation(self, rule: Rule) -> None:
        assert rule.cases.good and rule.cases.bad
        assert re.findall(r"^## (.*)", rule.documentation, re.MULTILINE) == [
            "What it finds",
            "Why training suffers",
            "What to do",
        ]


class TestWhatTransformersDoes:
    """The rules claim that something happens; these tests make it happen."""

    def test_the_searches_are_those_of_the_packages(self) -> None:
        for package, file, pattern in (
            ("transformers", "utils/chat_template_utils.py", markers.TRANSFORMERS.pattern),
            ("trl", "chat_template_utils.py", markers.TRL.pattern),
        ):
            assert f're.search(r"{pattern}", chat_template)' in (package_folder(package) / file).read_text()

    @pytest.mark.parametrize(("rule", "case"), cases("bad", "GEN001", "GEN002"))
    def test_nothing_is_masked(self, rule: Rule, case: Case) -> None:
        _, spans = rendered(case.source)
        assert spans == ([] if case.severity is None else ["beta"])
        assert bool(markers.TRL.search(case.source)) == (rule.code == "GEN002" or "{#" in case.source)

    @pytest.mark.parametrize(("rule", "case"), cases("bad", "GEN003"))
    def test_buffered_spans_cover_other_text(self, rule: Rule, case: Case) -> None:
        text, spans = rendered(case.source)
        assert spans and not {"question", "answer"} & set(spans)
        assert "question" in text

    @pytest.mark.parametrize(("rule", "case"), cases("good", "GEN003"))
    def test_spans_outside_buffers_cover_the_text(self, rule: Rule, case: Case) -> None:
        _, spans = rendered(case.source)
        assert set(spans) <= {"question", "answer", str(CHAT)}

    @pytest.mark.parametrize(("rule", "case"), [*cases("good", "GEN004"), *cases("bad", "GEN004")])
    def test_a_name_lost_changes_the_text(self, rule: Rule, case: Case) -> None:
        same = rendered(case.source)[0] == rendered(unmarked(case.source))[0]
        assert same == (case in rule.cases.good)

    @pytest.mark.parametrize(("rule", "case"), [*cases("good", "GEN005"), *cases("bad", "GEN005")])
    def test_loop_control_does_not_compile(self, rule: Rule, case: Case) -> None:
        if case in rule.cases.good:
            rendered(case.source)
        else:
            rendered(unmarked(case.source))
            with pytest.raises(SyntaxError):
                rendered(case.source)

    @pytest.mark.parametrize(("rule", "case"), cases("bad", "GEN006"))
    def test_unseen_markers_work(self, rule: Rule, case: Case) -> None:
        assert rendered(case.source)[1]
        assert not markers.TRANSFORMERS.search(case.source) and not markers.TRL.search(case.source)

    @pytest.mark.parametrize(("rule", "case"), cases("bad", "GEN007"))
    def test_the_prompt_is_masked(self, rule: Rule, case: Case) -> None:
        def masked(**flags: bool) -> int:
            return len("".join(rendered(case.source, **flags)[1]))

        assert masked(add_generation_prompt=True) > masked(add_generation_prompt=False)

    @pytest.mark.parametrize(("rule", "case"), [*cases("good", "GEN008"), *cases("bad", "GEN008")])
    def test_unbalanced_does_not_parse(self, rule: Rule, case: Case) -> None:
        if case in rule.cases.good:
            rendered(case.source)
            return
        with pytest.raises(TemplateSyntaxError) as raised:
            rendered(case.source)
        assert all(str(raised.value.message) in each.message for each in found(rule, case))

    @pytest.mark.parametrize(("rule", "case"), cases("bad", "GEN010"))
    def test_empty_markers_mask_nothing(self, rule: Rule, case: Case) -> None:
        assert "".join(rendered(case.source)[1]).strip() == ""


class TestFix:
    @pytest.mark.parametrize(
        "source",
        [
            "A:{%+ generation %}\nB {{ a }}{% endgeneration %}",
            "{% if a %}{%+ generation -%}\n B{% endgeneration %}{% endif %}",
            "A\n{%+ generation %}B{% endgeneration %}{%-  generation:%}{{ b }}{% endgeneration %}",
            "{% generation +%} \n{{ a }}{% endgeneration %}",
            "{{ a }}\n {%- generation +%} {{ a }}{% endgeneration %}",
        ],
    )
    def test_safe_fix_keeps_the_rendering_and_is_seen(self, source: str) -> None:
        findings = [each for each in check(source) if each.code == "GEN006"]
        assert all(each.fix and each.fix.safety is Safety.SAFE and each.fix.description for each in findings)
        after = edits.apply(source, [edit for each in findings if each.fix for edit in each.fix.edits])
        assert rendered(after) == rendered(source)
        assert len(markers.TRL.findall(after)) == after.count("endgeneration")
        assert check(after) == ()

    @pytest.mark.parametrize(
        "source",
        [
            "A\n  {%+ generation %}{{ a }}{% endgeneration %}",
            "\t{%+ generation %}{{ a }}{% endgeneration %}",
            "A:{% generation +%}\n{{ a }}{% endgeneration %}",
        ],
    )
    def test_no_fix_where_the_sign_keeps_whitespace(self, source: str) -> None:
        (finding,) = check(source)
        assert finding.code == "GEN006" and finding.fix is None
        assert rendered(source)[0] != rendered(source.replace("+", ""))[0]


class TestScopes:
    """GEN004 knows Jinja's scopes: whatever it is silent about renders alike without markers."""

    BLOCKS = (
        "{% generation %}@{% endgeneration %}",
        "{% generation %}@{% endgeneration %}",
        "{% if p %}@{% endif %}",
        "{% if q %}@{% elif y is mapping %}@{% else %}@{% endif %}",
        "{% for i in messages if q %}@{% else %}@{% endfor %}",
        "{% for x in messages if x %}@{% endfor %}",
        "{% with x = y %}{{ x }},@{% endwith %}",
        "{% filter upper %}@{% endfilter %}",
        "{% macro f(x) %}@{% endmacro %}{{ f(7) }}",
        "{% macro g() %}{{ caller() }}{% endmacro %}{% call g() %}@{% endcall %}",
    )
    LEAVES = (
        "{{ x }},",
        "{{ y }},",
        "{% set x = '#' %}",
        "{% set y = '#' %}",
        "{% set x %}#{{ y }}{% endset %}{{ x }},",
        "{% set x, y = '#', x %}{{ y }},",
        "{% macro y() %}#{% endmacro %}",
    )

    def template(self, dice: random.Random, depth: int = 0) -> str:
        parts = []
        for _ in range(dice.randint(1, 3)):
            block = dice.choice(self.BLOCKS if depth < 3 and dice.random() < 0.5 else self.LEAVES)
            block = block.replace("#", str(dice.randint(100, 999)))
            parts += [self.template(dice, depth + 1) if char == "@" else char for char in block]
        return "".join(parts)

    def test_silence_means_the_same_text(self) -> None:
        dice = random.Random(20)
        tally: Counter[tuple[bool, bool]] = Counter()
        while tally.total() < 150:
            source = "{{ x }}{{ y }}" + self.template(dice)
            if "generation" not in source:
                continue
            differs = any(
                rendered(source, **flags)[0] != rendered(unmarked(source), **flags)[0]
                for flags in ({"p": p, "q": q, "y": "0"} for p in (0, 1) for q in (0, 1))
            )
            hit = any(each.code == "GEN004" for each in check(source))
            assert hit or not differs, source
            tally[hit, differs] += 1
        assert tally[True, True] > 15 and tally[True, True] > 4 * tally[True, False]

    def test_message_names_the_line_of_the_read(self) -> None:
        (finding,) = check(
            "{% generation %}\n{% set x = 1 %}a\n{% endgeneration %}\n{% set ns.y = x ~\nx %}\n{{ x }}"
        )
        assert (finding.code, finding.line, finding.column) == ("GEN004", 2, 8)
        assert "line 4" in finding.message

    def test_a_namespace_made_inside(self) -> None:
        assert [
            each.code
            for each in check(
                "{% generation %}a{% set n = namespace() %}{% endgeneration %}{% set n.x = 1 %}"
            )
        ] == ["GEN004"]


class TestUnbalanced:
    @pytest.mark.parametrize(
        ("opening", "closing"),
        [
            ("if a", "endif"),
            ("for i in a", "endfor"),
            ("macro f()", "endmacro"),
            ("call f()", "endcall"),
            ("filter upper", "endfilter"),
            ("with", "endwith"),
            ("block b", "endblock"),
            ("autoescape false", "endautoescape"),
        ],
    )
    def test_marker_across_the_end_of_a_block(self, opening: str, closing: str) -> None:
        source = f"{{% {opening} %}}{{% generation %}}{{% {closing} %}}{{% endgeneration %}}"
        (finding,) = check(source)
        assert finding.code == "GEN008" and finding.span.of(source) == "{% generation %}"
        assert f"not closed before `{closing}`" in finding.message

    @pytest.mark.parametrize("middle", ["else", "elif b"])
    def test_marker_across_branches(self, middle: str) -> None:
        (finding,) = check(
            f"{{% if a %}}{{% generation %}}{{% {middle} %}}{{% endgeneration %}}{{% endif %}}"
        )
        assert f"not closed before `{middle.split()[0]}`" in finding.message

    def test_a_variant_that_does_not_parse_beside_one_that_does(self) -> None:
        pair = [Template("{% generation %}{{ a }}", name="rag"), Template("{{ a }}")]
        assert [each.code for each in rules.check(pair)] == ["GEN008", "GEN001"]
        assert [each.code for each in rules.check(pair[::-1])] == ["GEN001", "GEN008"]


class TestRendered:
    """The rules that read the verdict."""

    def names(self, module: Any, keys: str) -> set[str]:
        return set(re.findall(rf'"({keys})"', inspect.getsource(module)))

    def test_every_fault_and_note_has_a_rule(self) -> None:
        modules = (judge_faults, judge_claims, judge_exact)
        faults = {name for each in modules for name in self.names(each, r"[a-z]+(?:-[a-z]+)+")}
        notes = set(re.findall(r'^        "([a-z-]+)": _', inspect.getsource(judge_notes), re.MULTILINE))
        assert len(faults) >= 13 and len(notes) >= 7
        names = {rule.name for rule in rules.ALL if rule.renders}
        assert not names & set(NO_RULE_OF_ITS_OWN)
        assert (faults | notes) - set(NO_RULE_OF_ITS_OWN) <= names

    def test_source_rules_alone_render_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("templatefix.rules.rule.tried", lambda *_: pytest.fail("judged"))
        for rule in rules.ALL:
            check(rule.cases.bad[0].source)
        assert {rule.renders for rule in rules.ALL if rule.code.startswith("GEN")} == {False}

    @pytest.mark.parametrize("name", ["wrong_markers", "hiding_markers", "buffered_markers"])
    def test_one_finding_for_a_marker_and_rule(self, name: str) -> None:
        findings = rules.check([Template(fixture(name))], render=True)
        assert len({(each.code, each.span) for each in findings}) == len(findings)

    def test_what_follows_from_another_fault_is_not_told(self) -> None:
        findings = rules.check([Template(fixture("wrong_markers"))], render=True)
        assert [each.code for each in findings if each.code.startswith("MSK")] == ["MSK001", "MSK002"]
        (header, end) = (each for each in findings if each.code.startswith("MSK"))
        assert header.span.of(fixture("wrong_markers")) == "{%- generation %}"
        assert "On the probe 'one turn' (and " in header.message and "'<|bot|>\\n'" in header.message
        assert "'<|stop|>'" in end.message

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("{% generation %}{% for i in range(10**9) %}{% endfor %}{% endgeneration %}", "Range too big"),
            ("{% generation %}{{ 'a' * 10**9 }}{% endgeneration %}", "more than 2,000,000 characters"),
            ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recurses too deeply"),
            ("{{ raise_exception('a system prompt, please') }}", "a system prompt, please"),
            ("{{ messages[0].speaker.name }}", "has no attribute 'speaker'"),
            ("{{ " + "(" * 20 + "1 / 0" + ")" * 20 + " }}", "division by zero"),
            ("{% generation %}a{% break %}{% endgeneration %}", "invalid Python"),
        ],
    )
    def test_what_does_not_render_is_one_error(self, source: str, words: str) -> None:
        findings = rules.check([Template(source)], render=True)
        (error,) = (each for each in findings if not each.code.startswith("GEN"))
        assert error.code == "TPL008" and words in error.message

    def test_a_slow_template_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("templatefix.rules.trial._PATIENCE", 0.0)
        codes = {each.code for each in rules.check([Template(examples.RIGHT)], render=True)}
        assert codes == {"TPL008"}

    def test_no_wrong_or_undecided_mask_is_silent(self) -> None:
        marked = [name for name, source in corpus().items() if "endgeneration" in source]
        for name in [*marked[::3], "trl/glm4moe_training"]:
            template = Template(corpus()[name])
            outcome = trial.tried(template.source, template).outcome
            findings = [each for each in rules.check([template], render=True) if each.code.startswith("MSK")]
            loud = [each for each in findings if each.severity is not Severity.INFO]
            assert bool(loud) == (outcome != "holds"), name


class TestCheck:
    def test_loop_control_without_any_loop_is_no_matter_of_markers(self) -> None:
        assert check("{% generation %}a{% break %}{% endgeneration %}") == ()

    def test_order_and_places(self) -> None:
        one = Template("{# {% generation %} #}\r\n{% for m in messages %}\r\n{{ m }}{% endfor %}", name="one")
        findings = rules.check([one, Template("{{ messages }}", name="two")])
        assert [each.code for each in findings if each.code.startswith("SHP")] == ["SHP006"]
        findings = tuple(each for each in findings if each.code.startswith("GEN"))
        assert [(each.template.name, each.code, each.line, each.column) for each in findings] == [
            ("one", "GEN002", 1, 4),
            ("one", "GEN001", 2, 1),
            ("two", "GEN001", 1, 1),
        ]

    def test_other_syntax_errors_are_raised_with_their_place(self) -> None:
        template = Template(
            "{% if a %}\n{% generation %}\n{% endfor %}", origin=Origin("conf.json", "/chat_template")
        )
        for source in (template.source, "{{ a }}\n\n{{ b", "{% generation %}\n{% nonsense\n%}"):
            with pytest.raises(SyntaxProblem) as raised:
                rules.check([Template(source, origin=template.origin)])
            assert re.fullmatch(r"conf\.json#/chat_template:[123]", raised.value.where)

    def test_endless_operators_are_a_syntax_problem(self) -> None:
        source = "{% generation %}{% if " + " and ".join(["a"] * 5000) + " %}a{% endif %}{% endgeneration %}"
        with pytest.raises(SyntaxProblem, match="nested too deeply"):
            check(source, origin=Origin("deep.jinja"))

    def test_variants_are_compared_within_one_target(self) -> None:
        marked, plain = "{% generation %}{{ a }}{% endgeneration %}", "{{ a }}"

        def codes(*templates: Template) -> list[str]:
            return [each.code for each in rules.check(templates)]

        assert codes(Template(marked), Template(plain, name="tool_use")) == ["GEN009"]
        assert codes(Template(marked, effective=False), Template(plain)) == ["GEN009"]
        assert codes(Template(marked), Template(plain, effective=False)) == ["GEN009"]
        assert codes(Template(marked), Template(plain)) == ["GEN001"], "two models, not two variants"
        assert codes(Template(plain), Template(plain, name="tool_use")) == ["GEN001", "GEN001"]

    def test_the_variant_named_is_the_one_in_use(self) -> None:
        marked = "{% generation %}{{ a }}{% endgeneration %}"
        lost, finding = rules.check(
            [
                Template(marked, name="rag", effective=False),
                Template(marked, name="tool_use", origin=Origin("used")),
                Template("{{ a }}"),
            ]
        )
        assert "used (tool_use)" in finding.message
        assert (lost.code, lost.template.name) == ("SHP002", "rag")


class TestCatalogue:
    def test_sorted_and_unique(self) -> None:
        codes = [rule.code for rule in rules.ALL]
        assert codes == sorted(set(codes)) and len(codes) >= 10
        with pytest.raises(ValueError, match="GEN001"):
            catalogue.ordered([rules.ALL[0], rules.ALL[1], rules.ALL[0]])
        assert catalogue.ordered([rules.ALL[1], rules.ALL[0]]) == rules.ALL[:2]

    @pytest.mark.parametrize(
        "wanted", ["GEN003", "gen003", "marker-in-buffered-scope", " Marker-In-Buffered-Scope "]
    )
    def test_find(self, wanted: str) -> None:
        assert rules.find(wanted).code == "GEN003"

    def test_find_suggests(self) -> None:
        with pytest.raises(UsageError, match="no rule 'missing-marker'") as raised:
            rules.find("missing-marker")
        assert "did you mean GEN001 (missing-markers)?" in raised.value.cure
        with pytest.raises(UsageError) as raised:
            rules.find("§§§")
        assert "did you mean" not in raised.value.cure and "templatefix rules" in raised.value.cure

    def test_table(self) -> None:
        head, line, *rows = rules.table().splitlines()
        assert head == "| code | name | severity | summary |" and set(line) == set("|-")
        assert len(rows) == len(rules.ALL)
        assert (
            rows[0] == "| GEN001 | missing-markers | error | No `{% generation %}` marker in the template. |"
        )
        assert all(row.count("|") == 5 for row in rows)

    def test_explain(self) -> None:
        page = rules.explain("gen005")
        assert page.startswith("# GEN005 loop-control-inside-marker (error)\n\n`{% break %}`")
        assert "## Why training suffers\n\nJinja compiles" in page
        assert page.endswith("{% endgeneration %}\n{% endfor %}\n```\n")

    def test_light_to_import(self) -> None:
        heavy = "{'transformers', 'torch', 'numpy', 'tokenizers', 'huggingface_hub', 'rich', 'typer'}"
        code = f"import sys, templatefix.rules; print(sorted({heavy} & set(sys.modules)))"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert shown.stdout == "[]\n"


def test_real_templates() -> None:
    """No false alarm: the marked templates of the corpus have faults in their masks, none in their source."""
    marked = {name for name, source in corpus().items() if re.search(r"\{%[-+]?\s*endgeneration", source)}
    windows = {name for name in marked if "\r" in corpus()[name]}
    assert sum(name.endswith("_training") for name in marked) >= 30 and len(marked) >= 60
    assert {name: check(corpus()[name]) for name in marked - windows} == dict.fromkeys(marked - windows, ())
    assert all([each.code for each in check(corpus()[name])] == ["SHP006"] for name in windows)
    # One in four of the others: parsing all of them takes longer than all other tests of the rules.
    plain = [source for name, source in corpus().items() if name not in marked][::4]
    findings = [check(source) for source in plain]
    assert {tuple((each.code, each.severity) for each in found) for found in findings} == {
        (("GEN001", Severity.ERROR),)
    }
    underlined = sum(len(found[0].span) > 0 for found in findings)
    assert underlined > 0.98 * len(findings), "nearly all loop over the messages"
