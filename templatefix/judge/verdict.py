"""Judge one template on all probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from templatefix.analysis import TemplateAnalysis
from templatefix.coverage import Observer, gaps, reaching
from templatefix.errors import LimitError, RenderError
from templatefix.expected import Expectation, Expectations, ExpectedSpan, Undecided
from templatefix.judge import claims
from templatefix.judge.claims import REASONING, Render
from templatefix.judge.exact import exact_span
from templatefix.judge.notes import exposed, notes
from templatefix.judge.tracker import tracked
from templatefix.judge.untested import changing, left_out, two_turns, untested
from templatefix.judge.varied import misplaced
from templatefix.model import DEFAULT_POLICY, Check, Claim, Policy, Rendered, Span, Verdict
from templatefix.probes import PLACEHOLDERS, Probe, Variation, quoting, variations
from templatefix.render import Renderer
from templatefix.render.spans import merged
from templatefix.syntax import parse, same_without_markers


def judge(
    source: str,
    variables: Mapping[str, Any] | None = None,
    *,
    original: str | None = None,
    probes: Sequence[Probe] | None = None,
    extra: Sequence[Probe] = (),
    policy: Policy = DEFAULT_POLICY,
    tokenizer: Any = None,
    special_tokens: Sequence[str] = (),
    track: bool = True,
    expectations: Expectations | None = None,
    fail_fast: bool = False,
) -> Verdict:
    """Judge a chat template with markers.

    The expected spans are inferred from the original where there is one, so that a patch cannot change what it is
    measured by.

    Args:
        source (`str`): The template with markers.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        original (`str`, *optional*): The template before it was patched.
        probes (`Sequence[Probe]`, *optional*): The conversations; `coverage.reaching` the original if `None`.
        extra (`Sequence[Probe]`): A user's own conversations; nothing is inferred for others from them.
        policy (`Policy`): Where spans begin and end where both is defensible.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): Judge the masks of tokens too.
        special_tokens (`Sequence[str]`): Texts that the tokenizer holds as one token.
        track (`bool`): Ask transformers which spans it tracks. Without, nothing imports transformers, and the true
            spans are judged.
        expectations ([`Expectations`], *optional*): What was inferred from the original on these probes; several
            patches of one template need not infer it anew.
        fail_fast (`bool`): Stop at the first probe on which a claim fails.

    Returns:
        [`Verdict`]: `holds` only if every claim holds on every probe that renders, and a conversation with two
        assistant turns is among them.

    Raises:
        SyntaxProblem: A template does not compile.
    """
    variables = PLACEHOLDERS if variables is None else variables
    marked = parse(source)
    unmarked = marked if original is None else parse(original)
    observer: Observer | None = None
    if expectations is None:
        analysis = TemplateAnalysis(unmarked, variables, special_tokens)
        if probes is None:
            probes, observer = reaching(analysis, policy)
        expectations = Expectations(analysis, probes)
    analysis = expectations.analysis
    probes = expectations.probes
    after = Renderer(source, variables)
    bench = _Bench(source, after, original is not None, analysis, policy, tokenizer, track)
    cases = [expectations.of(probe) for probe in probes]
    cases += [expectations.of(probe) for probe in _quoting(cases)]
    checks: list[Check] = []
    for each in cases:
        found = [*bench.checks(each)]
        checks += found
        if fail_fast and any(check.outcome == "fails" and check.claim.of_mask for check in found):
            return Verdict(tuple(checks), policy)
    for probe in extra:
        checks += bench.own(expectations.of(probe))
    if all(check.outcome == "holds" for check in checks if check.claim.of_mask):
        checks += (
            check
            for each in variations(unmarked, analysis.aliases)
            for check in bench.varied(each, expectations)
        )
    checks += two_turns(cases, analysis)
    checks += left_out(cases, policy)
    if observer is None or original is not None:
        observer = Observer(analysis if original is None else TemplateAnalysis(marked, variables))
        observer.see(probes)
    coverage = replace(
        gaps(observer, expectations, policy),
        sites=expectations.sites.decided,
        open=tuple(dict.fromkeys(unmarked.position(at)[0] for at in expectations.sites.undecided())),
    )
    checks += changing(marked)
    checks += untested(coverage, "" if original is None else " of the patched template")
    found, warned = exposed(tokenizer, source) if tokenizer is not None else ([], ())
    checks += found
    proven = original is not None and same_without_markers(unmarked, marked)
    return Verdict(tuple(checks), policy, (*notes(cases, coverage, after), *warned), proven, coverage)


def _quoting(cases: Sequence[Expectation]) -> list[Probe]:
    """A conversation in which both sides quote the template's own header and end of turn."""
    two = next((each for each in cases if each.probe.name == "two turns" and each.trace), None)
    turn = two.turns[0] if two and two.turns else None
    if two is None or two.trace is None or not isinstance(turn, ExpectedSpan) or not turn.starts:
        return []
    text, own = two.trace.text, two.trace.own(turn.message)
    header = text[turn.header : min(turn.starts)]
    closing = text[own[-1][1] : min(turn.ends)] if own else ""
    whole, alone = quoting(header, closing), quoting(header, "")
    return [whole, replace(alone, name=f"{alone.name}, the header alone")]


@dataclass(frozen=True)
class _Bench:
    """One template before and after it was patched, and what to judge it by; see `judge`."""

    source: str
    after: Renderer
    patched: bool
    analysis: TemplateAnalysis
    policy: Policy
    tokenizer: Any
    track: bool

    def checks(self, case: Expectation) -> Iterator[Check]:
        """Judge every claim on one probe."""
        case, probe = case.under(self.policy), case.probe
        rendered = self._render(self.after, probe)
        if self.patched:
            yield claims.same_text(probe.name, self._original(probe), rendered)
        if over := claims.limited(Claim.EXACT_SPAN, probe.name, rendered):
            yield over
        elif case.limit:
            yield Check(Claim.EXACT_SPAN, probe.name, "undecided", detail=case.limit, fault="limit-exceeded")
        if isinstance(rendered, RenderError) or case.trace is None:
            return
        theirs: Render = rendered
        if self.track:
            theirs = _try(lambda: tracked(self.source, self._given(probe), self.analysis.variables))
            yield claims.tracker_true(probe.name, rendered, theirs)
        spans = merged(rendered.spans if isinstance(theirs, RenderError) else theirs.spans)
        if rendered.text == case.trace.text and not case.unsupported:
            yield from self._spans(case, rendered, spans)
        if probe.turns[-1].role != "assistant":
            yield from self._prompts(probe)
        # `apply_chat_template` hands no key on whose value is `None`.
        if self.tokenizer is not None and not any(None in each.values() for each in probe.messages):
            from templatefix.tokens.checks import token_checks

            true = replace(rendered, spans=tuple(merged(rendered.spans)), lines=())
            yield from token_checks(self.tokenizer, self.source, self._given(probe), true)

    def own(self, case: Expectation) -> Iterator[Check]:
        """Judge a user's own conversation, which must render."""
        probe = case.probe
        error = self.analysis.error(probe.messages, probe.tools, False, probe.options)
        if error is not None:
            line = f" in line {error.line}" if error.line else ""
            detail = f"your conversation was not rendered: the template raises {error.what}{line}"
            yield Check(Claim.EXACT_SPAN, probe.name, "undecided", detail=detail, fault="not-rendered")
        yield from self.checks(case)

    def varied(self, variation: Variation, expectations: Expectations) -> Iterator[Check]:
        """Judge a perturbation of a probe. Its spans are inferred only if the places of the template do not tell."""
        probe, like = variation.probe, variation.like
        shown = self._render(self.after, probe)
        if (
            variation.base
            and shown == self._render(self.after, variation.base)
            and self._prints(probe, shown)
        ):
            yield Check(Claim.EXACT_SPAN, probe.name, "holds")  # the variable changes nothing
            return
        unknown = Check(Claim.EXACT_SPAN, probe.name, "undecided", fault="limit-exceeded")
        try:
            trace = self.analysis.observed(probe.messages, probe.tools, False, probe.options)
        except LimitError as error:
            yield replace(unknown, detail=error.what)
            return
        if trace is None or isinstance(shown, RenderError) or trace.text != shown.text:
            before = self._original(probe)
            if isinstance(before, RenderError) and not isinstance(before, LimitError):
                return  # the template does not take such a conversation
            same = claims.same_text(probe.name, before, shown)
            detail = "the traced render prints another text than the plain one"
            yield replace(unknown, detail=detail) if same.outcome == "holds" else same
            return
        spans = merged(shown.spans)
        if like is not None:
            base = expectations.of(like)
            if base.text != shown.text:
                return  # the role is another one
            case = replace(base, probe=replace(base.probe, name=probe.name))
        else:
            every = all(self.policy.trains(probe.messages, at) for at in probe.assistant)
            # A place does not say whose text it prints: another's may come from where the assistant's does.
            clean = claims.no_leak(Expectation(probe, trace), shown, spans).outcome == "holds"
            if every and clean and expectations.sites.agrees(trace, probe.messages, spans):
                yield Check(Claim.EXACT_SPAN, probe.name, "holds")
                return
            case = expectations.of(probe)
        case = case.under(self.policy)
        if case.trace is None or case.unsupported:
            return
        if any(isinstance(turn, Undecided) for turn in case.turns):
            yield next(misplaced(case, shown, spans), Check(Claim.EXACT_SPAN, probe.name, "holds"))
            return
        yield from self._spans(case, shown, spans, only=(Claim.EXACT_SPAN, Claim.NO_LEAK, Claim.STOP_TRAINED))

    def _prints(self, probe: Probe, shown: Render) -> bool:
        """Whether the template that the expected spans are of prints the same text."""
        return claims.same_text(probe.name, self._original(probe), shown).outcome == "holds"

    def _given(self, probe: Probe) -> Probe:
        """The probe with the variables that the template needs."""
        options = {**self.analysis.defaults, **probe.options}
        return replace(probe, options=options) if options != probe.options else probe

    def _render(self, renderer: Renderer, probe: Probe, **more: Any) -> Render:
        given = {**self.analysis.defaults, **probe.arguments, **more}
        return _try(lambda: renderer.render(probe.messages, **given))

    def _original(self, probe: Probe, prompt: bool = False) -> Render:
        """Render a probe with the template that the expected spans are of; most renders are known already."""
        given = probe.messages, probe.tools, prompt, probe.options
        error = self.analysis.error(*given)
        if error is not None:
            return error
        return Rendered(self.analysis.plain(*given) or "")

    def _prompts(self, probe: Probe) -> Iterator[Check]:
        """Judge generation prompts in each setting of the variables that change them."""
        for given in self.analysis.view(probe.messages, probe.tools, probe.options).settings:
            chosen = replace(probe, options=given)
            asked = self._render(self.after, chosen, add_generation_prompt=True)
            if self.patched:
                yield claims.same_text(probe.name, self._original(chosen, prompt=True), asked)
            try:
                trace = self.analysis.traced(probe.messages, probe.tools, True, given)
                unasked = self.analysis.plain(probe.messages, probe.tools, False, given)
            except LimitError as error:
                yield Check(Claim.NO_LEAK, probe.name, "undecided", detail=error.what, fault="limit-exceeded")
                continue
            if isinstance(asked, Rendered) and trace is not None and trace.text == asked.text:
                yield claims.prompt_unmarked(probe.name, asked, trace, probe.assistant, unasked or "")

    def _spans(
        self, case: Expectation, rendered: Rendered, spans: list[Span], only: Sequence[Claim] = ()
    ) -> Iterator[Check]:
        name, text = case.probe.name, rendered.text
        yield from exact_span(case, rendered, spans, self.policy, self.analysis.special_tokens)
        yield claims.no_leak(case, rendered, spans)
        yield from claims.stop_trained(case, rendered, spans)
        if only:
            return
        calls = [place for turn in case.trained for place in case.said(turn, ("tool_calls",))]
        reasoning = [place for turn in case.trained for place in case.said(turn, REASONING)]
        yield from claims.fields_trained(Claim.CALLS_TRAINED, name, text, spans, calls)
        yield from claims.fields_trained(Claim.REASONING_TRAINED, name, text, spans, reasoning)
        yield claims.prefix_stable(name, case.prefix_stable)
        yield claims.prompt_is_prefix(name, case.mismatch)


def _try(action: Callable[[], Rendered]) -> Render:
    try:
        return action()
    except RenderError as error:
        return error
