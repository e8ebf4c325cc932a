"""Mutation test of the judge: what it says of right templates, and of mutants of them.

`python -m tests.mutants [--most N] [WORD ...]` runs all mutants, or N drawn by the template's name, of all templates
whose name holds one of the words.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Literal

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import reaching
from templatefix.errors import RenderError, SyntaxProblem, TemplateFixError
from templatefix.expected import Expectations
from templatefix.fixing import fix
from templatefix.judge import judge
from templatefix.judge.tracker import tracked
from templatefix.model import DEFAULT_POLICY, Policy, Rendered, Span, Template, Verdict
from templatefix.probes import PLACEHOLDERS, Probe, switches
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.stripping import strip
from templatefix.syntax import is_marked, parse
from tests.conftest import FIXTURES, corpus
from tests.mutation import Mutant, mutants

POLICIES = (
    DEFAULT_POLICY,
    Policy(whitespace="allowed"),
    Policy(header="included"),
    Policy(header="included", whitespace="allowed"),
)
"""Policies to judge TRL's own templates under, the strictest first; all allow a prefill on either side."""

_OUTPUTS = "the end of the tools' outputs, which stands there before inference begins, is marked"
NOT_RIGHT = {
    "trl/deepseek_r1_distill_training": _OUTPUTS,
    "trl/deepseekv3_training": _OUTPUTS,
    "trl/diffusion_gemma_training": "turns that are tool calls are not marked",
    "trl/glm4moe_training": "what opens a system message in the middle is marked",
    "trl/phi3_5_training": "the eos token after the loop, a second end of turn, is marked",
    "trl/phi3_training": "the eos token after the loop, a second end of turn, is marked",
    "trl/qwen2_5_training": "the header's newline is marked",
}
"""TRL's own templates that hold under no policy, and why: a name leaves this when judge or template learns better."""

EITHER = ("<|tool_response>",)
"""Texts that may be marked or not: what opens a result in Gemma 4 may be what the model stops with behind its call."""

Key = tuple[str, str]
"""A probe's name, and how a generation prompt is asked for; empty if it is not."""
Fate = Literal[
    "killed", "undecided", "survived", "equivalent", "allowed", "false alarm", "other text", "invalid"
]
"""What became of a mutant.

- `killed`, `undecided`, `survived`: its mask is wrong, and the judge says `fails`, `undecided` or `holds`;
- `equivalent`: on every probe it has the original's spans, and transformers tracks those;
- `allowed`: its spans differ only where the policy lets both stand, see `Subject.allowed`;
- `false alarm`: it is one of these two, and the judge says `fails`;
- `other text`: it prints another text on some probe, which SAME_TEXT refutes whatever the mask;
- `invalid`: it does not compile.
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """One render: the text and the spans, or `None` where the template raises."""

    text: str | None
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A right template.

    Args:
        name (`str`): Its name.
        source (`str`): The template with markers.
        original (`str`): The template without.
        policy (`Policy`): The policy under which it is right.
    """

    name: str
    source: str
    original: str
    policy: Policy = DEFAULT_POLICY

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """The probes that reach every output of the original."""
        return reaching(self.analysis)[0]

    @cached_property
    def analysis(self) -> TemplateAnalysis:
        """The template without markers, parsed once."""
        return TemplateAnalysis(parse(self.original), PLACEHOLDERS)

    @cached_property
    def shots(self) -> dict[Key, Shot]:
        """What the right template prints and marks."""
        return dict(self.shoot(self.source))

    @cached_property
    def plain(self) -> Renderer:
        """The template without markers."""
        return Renderer(self.original, PLACEHOLDERS)

    @cached_property
    def expectations(self) -> Expectations:
        """Expected spans, inferred from the template without markers."""
        return Expectations(self.analysis, self.probes)

    def judged(self, source: str, *, track: bool = True, first: str = "") -> Verdict:
        """Judge the template or a mutant of it until a claim on the mask fails, a probe of that name first."""
        ordered = copy(self.expectations)
        ordered.probes = tuple(sorted(self.probes, key=lambda probe: probe.name != first))
        return judge(
            source,
            original=self.original,
            policy=self.policy,
            track=track,
            expectations=ordered,
            fail_fast=True,
        )

    def shoot(self, source: str) -> Iterator[tuple[Key, Shot]]:
        """Render every probe, and where an answer is due also with each generation prompt."""
        renderer = Renderer(source, PLACEHOLDERS)
        reads = renderer.reads("enable_thinking")
        for probe in self.probes:
            asked = probe.turns[-1].role != "assistant"
            settings = (switches(probe) if reads else [probe.options]) if asked else []
            ways: list[tuple[str, dict[str, Any]]] = [("", {})]
            ways += [(f"prompted {each}", {**each, "add_generation_prompt": True}) for each in settings]
            for how, options in ways:
                try:
                    rendered = renderer.render(probe.messages, **{**probe.arguments, **options})
                    yield (probe.name, how), Shot(rendered.text, _spans(rendered))
                except RenderError:
                    yield (probe.name, how), Shot(None)

    def fate(self, mutant: Mutant) -> tuple[Fate, str]:
        """Return what became of a mutant, and a probe on which its mask differs."""
        try:
            found = self._changed(mutant.source)
        except SyntaxProblem:
            return "invalid", ""
        if found is None:
            return "other text", ""
        wrong = [key for key, shot in found.items() if not self.allowed(key, shot)]
        miscounted = "" if found else self._miscounted(mutant.source)
        if not wrong and not miscounted:
            refuted = self.judged(mutant.source).outcome == "fails"
            kind: Fate = "allowed" if found else "equivalent"
            return ("false alarm", kind) if refuted else (kind, "")
        first, how = (miscounted, "") if miscounted else wrong[0]
        # The true spans alone must do, unless only transformers' own count is wrong.
        outcome = self.judged(mutant.source, track=bool(miscounted), first=first).outcome
        fates: dict[str, Fate] = {"fails": "killed", "undecided": "undecided", "holds": "survived"}
        return fates[outcome], f"{first} {how}".strip()

    def _changed(self, source: str) -> dict[Key, Shot] | None:
        """Renders whose spans differ; `None` if a text does."""
        changed: dict[Key, Shot] = {}
        for key, shot in self.shoot(source):
            if shot.text != self.shots[key].text:
                return None
            if shot.spans != self.shots[key].spans:
                changed[key] = shot
        return changed

    def _miscounted(self, source: str) -> str:
        """The first probe on which transformers tracks other spans than the true ones."""
        renderer = Renderer(source, PLACEHOLDERS)
        for probe in self.probes:
            if self.shots[probe.name, ""].text is None:
                continue
            try:
                theirs = tracked(source, probe, PLACEHOLDERS)
            except RenderError:
                return probe.name
            true = renderer.render(probe.messages, **probe.arguments)
            # An empty span counts too: transformers may mark the token round its place.
            if theirs.text == true.text and merged(theirs.spans) != merged(true.spans):
                return probe.name
        return ""

    def allowed(self, key: Key, shot: Shot) -> bool:
        """Whether the spans of a render differ only where the policy lets both stand.

        As many spans as the original's, one for one; two ends may differ by whitespace alone where the policy allows
        whitespace or no end of turn precedes it, or by what `EITHER` names, and two starts by a prefill: text that some
        setting of the thinking switch prepends to that very turn, and another does not. That is asked of the template
        without markers, not of the judge. What is nothing but a prefill may be marked or not.
        """
        text = shot.text or ""
        probe = next(each for each in self.probes if each.name == key[0])
        own, theirs = (_without(EITHER, text, spans) for spans in (self.shots[key].spans, shot.spans))
        if len(own) != len(theirs):
            own = tuple(each for each in own if not self._prefill(probe, text, each.start, each.end))
        if len(own) != len(theirs) and not key[1]:
            theirs = tuple(each for each in theirs if not self._prefill(probe, text, each.end, each.start))
        return len(own) == len(theirs) and all(
            (
                one.start == two.start
                or self._lead(text, one.start, two.start)
                or self._prefill(probe, text, one.start, two.start)
            )
            and (one.end == two.end or self._blank(probe, text, one.end, two.end))
            for one, two in zip(own, theirs, strict=True)
        )

    def _lead(self, text: str, right: int, mutated: int) -> bool:
        """Whether a mutant only leaves out whitespace at the beginning, and whitespace is allowed."""
        return right < mutated and self.policy.whitespace == "allowed" and not text[right:mutated].strip()

    def _blank(self, probe: Probe, text: str, one: int, two: int) -> bool:
        """Whether only whitespace stands between two ends, and it is allowed or nothing closes the turn before it."""
        low, high = sorted((one, two))
        said = [each for turn in probe.assistant for each in probe.turns[turn].texts]
        unclosed = any(text.endswith(each, 0, low) for each in said)
        return (unclosed or self.policy.whitespace == "allowed") and not text[low:high].strip()

    def _prefill(self, probe: Probe, text: str, right: int, mutated: int) -> bool:
        """Whether the text between two starts is a prefill: behind the right one it has no header in it."""
        if self.policy.prefill != "either":
            return False
        low, high = sorted((right, mutated))
        prefill = text[low:high]
        for prompts in (self._prompts(probe, turn) for turn in probe.assistant):
            long = [each for each in prompts if each.endswith(prefill) and text[:high].endswith(each)]
            without = [each for each in prompts if not each.endswith(prefill)]
            if any((right < mutated and without) or each.removesuffix(prefill) in without for each in long):
                return True
        return False

    def _prompts(self, probe: Probe, turn: int) -> set[str]:
        """What inference prepends to a turn, one for each setting of the thinking switch, and of all else or none."""
        found = set()
        for options, more in product(switches(probe), (probe.options, {})):
            chosen = {"tools": probe.arguments["tools"], **more, **options}
            try:
                base = self.plain.render(probe.messages[:turn], **chosen).text
                prompt = self.plain.render(probe.messages[:turn], **chosen, add_generation_prompt=True).text
            except RenderError:
                continue
            if prompt.startswith(base) and prompt != base:
                found.add(prompt[len(base) :])
        return found


def _without(texts: Iterable[str], text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans of a text without some texts at their ends, behind other text; touching spans are joined already."""
    found = []
    for span in spans:
        ends = (len(each) for each in texts if text.endswith(each, span.start, span.end))
        cut = next((length for length in ends if length < len(span)), 0)
        found.append(Span(span.start, span.end - cut))
    return tuple(found)


def _spans(rendered: Rendered) -> tuple[Span, ...]:
    return tuple(span for span in merged(rendered.spans) if len(span))


def marked(source: str) -> bool:
    """Whether a template has markers."""
    return is_marked(parse(source).tree)


def originals() -> dict[str, str]:
    """Templates without markers: our own, and TRL's."""
    own = {f"own/{file.stem}": file.read_text() for file in sorted((FIXTURES / "templates").glob("*.jinja"))}
    found = {**own, **{name: text for name, text in corpus().items() if name.startswith("trl/")}}
    return {name: text for name, text in found.items() if name.startswith("own/") or not marked(text)}


def trained() -> dict[str, str]:
    """TRL's own templates with markers."""
    return {name: text for name, text in corpus().items() if name.startswith("trl/") and marked(text)}


def patched(name: str) -> Subject | None:
    """Our own patch of a template, or `None` where it is refused."""
    outcome = fix(Template.from_source(originals()[name]))
    if outcome.status != "patched":
        return None
    plain = (
        strip(Template.from_source(outcome.before), strict=False)
        if marked(outcome.before)
        else outcome.before
    )
    return Subject(name, outcome.after, plain)


def accepted(name: str) -> Subject | None:
    """One of TRL's own templates under the first policy under which it holds, or `None`."""
    source = trained()[name]
    try:
        plain = strip(Template.from_source(source), strict=False)
    except TemplateFixError:
        return None
    subjects = (Subject(name, source, plain, policy) for policy in POLICIES)
    return next((each for each in subjects if each.judged(source).outcome == "holds"), None)


def subjects(words: Iterable[str] = ()) -> Iterator[Subject | str]:
    """Every right template, and the names of those that are not."""
    for make, names in ((patched, originals()), (accepted, trained())):
        for name in names:
            if not words or any(word in name for word in words):
                yield make(name) or name


def drawn(subject: Subject, most: int | None = None) -> list[Mutant]:
    """The mutants of a template, at most so many, in an order that its name alone decides."""
    found = mutants(subject.source)
    random.Random(subject.name).shuffle(found)
    return found[:most]


def main(arguments: list[str]) -> int:
    """Run the mutants, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, help="how many mutants of each template; all by default")
    parser.add_argument("words", nargs="*", help="words in the names of the templates")
    asked = parser.parse_args(arguments)
    total: Counter[Fate] = Counter()
    surprises = 0
    for subject in subjects(asked.words):
        if isinstance(subject, str):
            print(f"{subject}: {NOT_RIGHT.get(subject, 'refused')}", flush=True)
            surprises += subject in trained() and subject not in NOT_RIGHT
            continue
        surprises += subject.name in NOT_RIGHT
        fates: Counter[Fate] = Counter()
        for mutant in drawn(subject, asked.most):
            fate, where = subject.fate(mutant)
            fates[fate] += 1
            surprises += fate in ("survived", "false alarm")
            if fate in ("survived", "undecided", "false alarm"):
                print(f"  {fate}: {subject.name}: {mutant.operator}, line {mutant.line}: {where}", flush=True)
        print(f"{subject.name} ({subject.policy}): {dict(fates)}", flush=True)
        total += fates
    judged = sum(total[fate] for fate in ("killed", "undecided", "survived"))
    print(f"{dict(total)}\n{total['killed']} of {judged} killed: {total['killed'] / max(judged, 1):.2%}")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
