"""Judge one template on all probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from templatefix.coverage import Observer, aliases, reaching
from templatefix.errors import RenderError
from templatefix.judge import claims
from templatefix.judge.exact import exact_span
from templatefix.judge.notes import exposed, notes
from templatefix.judge.spans import merged
from templatefix.judge.tracker import tracked
from templatefix.judge.varied import strange_headers, varied
from templatefix.model import DEFAULT_POLICY, Check, Claim, Coverage, Policy, Rendered, Verdict
from templatefix.oracle import Expectation, Oracle, Owed
from templatefix.probes import PLACEHOLDERS, Probe, quoting, switches, variations
from templatefix.render import Renderer
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
    track: bool = True,
    oracle: Oracle | None = None,
    hasty: bool = False,
) -> Verdict:
    """Judge a chat template with markers.

    The owed spans are learned from the original where there is one, so that a patch cannot change what it
    is measured by.

    Args:
        source (`str`): The template with markers.
        variables (`Mapping[str, str]`, *optional*): Special tokens; placeholders if `None`.
        original (`str`, *optional*): The template before it was patched.
        probes (`Sequence[Probe]`, *optional*): The conversations; `coverage.reaching` the original if `None`.
        extra (`Sequence[Probe]`): Conversations to judge besides; nothing is learned from them.
        policy (`Policy`): Where spans begin and end where both is defensible.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): Judge the masks of tokens too.
        track (`bool`): Ask transformers which spans it tracks. Without, nothing imports transformers, and the true
            spans are judged.
        oracle ([`Oracle`], *optional*): What was learned from the original on these probes; several patches of one
            template need not learn it anew.
        hasty (`bool`): Stop at the first probe on which a claim fails.

    Returns:
        [`Verdict`]: `holds` only if every claim holds on every probe that renders, and a conversation with two
        assistant turns is among them.

    Raises:
        SyntaxProblem: A template does not compile.
    """
    variables = PLACEHOLDERS if variables is None else variables
    marked = parse(source)
    unmarked = marked if original is None else parse(original)
    observer = None
    if probes is None:
        probes, observer = reaching(unmarked, variables)
    after = Renderer(source, variables)
    before = Renderer(original, variables) if original is not None else after
    oracle = oracle or Oracle.learn(before, probes)
    expectations = [oracle.expect(probe) for probe in probes]
    quoted = [oracle.expect(probe) for probe in _quoting(expectations)]
    expectations += [each for each in quoted if _whole(each)]
    expectations += [oracle.expect(probe) for probe in extra]
    court = _Court(source, after, before, variables, policy, tokenizer, track, oracle)
    checks: list[Check] = []
    for expectation in expectations:
        found = [*court.try_(expectation)]
        checks += found
        if hasty and any(check.outcome == "fails" and check.claim.of_mask for check in found):
            return Verdict(tuple(checks), policy)
    if all(check.outcome == "holds" for check in checks if check.claim.of_mask):
        checks += varied(variations(unmarked, aliases(unmarked, variables)), before, after)
    checks += _two_turns(expectations, before)
    if observer is None or original is not None:
        observer = Observer(marked, variables)
        observer.see(probes)
    coverage = observer.coverage(oracle.headers.texts)
    checks += _holes(coverage, "" if original is None else " of the patched template")
    told, warned = exposed(tokenizer, source) if tokenizer is not None else ([], ())
    checks += told
    proven = original is not None and same_without_markers(unmarked, marked)
    return Verdict(tuple(checks), policy, (*notes(expectations, coverage, after), *warned), proven, coverage)


def _quoting(expectations: Sequence[Expectation]) -> list[Probe]:
    """A conversation in which both sides quote the template's own header and end of turn."""
    two = next((each for each in expectations if each.probe.name == "two turns" and each.text), None)
    owed = two.turns[0] if two and two.turns else None
    if two is None or two.text is None or not claims.is_owed(owed):
        return []
    own = two.text.find(two.probe.turns[1].texts[0]) + len(two.probe.turns[1].texts[0])
    header = two.text[owed.header : min(owed.starts)]
    whole, alone = quoting(header, two.text[own : min(owed.ends)]), quoting(header, "")
    return [whole, replace(alone, name=f"{alone.name}, the header alone")]


def _whole(expectation: Expectation) -> bool:
    """Whether the template prints what the messages say as it is."""
    text = expectation.text or ""
    return all(text.count(each) == 1 for turn in expectation.probe.turns for each in turn.texts)


@dataclass(frozen=True)
class _Court:
    """One template before and after it was patched, and what to judge it by; see `judge`."""

    source: str
    after: Renderer
    before: Renderer
    variables: Mapping[str, Any]
    policy: Policy
    tokenizer: Any
    track: bool
    oracle: Oracle

    def try_(self, expectation: Expectation) -> Iterator[Check]:
        """Judge every claim on one probe."""
        probe = expectation.probe
        rendered = _try(lambda: self.after.render(probe.messages, **probe.arguments))
        if self.before is not self.after:
            plain = _try(lambda: self.before.render(probe.messages, **probe.arguments))
            yield claims.same_text(probe.name, plain, rendered)
        if isinstance(rendered, str) or expectation.text is None:
            return
        theirs: Rendered | str = rendered
        if self.track:
            theirs = _try(lambda: tracked(self.source, probe, self.variables))
            yield claims.tracker_true(probe.name, rendered, theirs)
        if rendered.text == expectation.text:
            spans = rendered.spans if isinstance(theirs, str) else theirs.spans
            yield from self._spans(expectation, rendered, merged(spans))
        if probe.turns[-1].role != "assistant":
            yield from self._prompts(probe)
        # `apply_chat_template` hands no key on whose value is `None`.
        if self.tokenizer is not None and not any(None in each.values() for each in probe.messages):
            from templatefix.judge.tokens import token_checks

            true = replace(rendered, spans=tuple(merged(rendered.spans)), lines=())
            yield from token_checks(self.tokenizer, self.source, probe, true)

    def _prompts(self, probe: Probe) -> Iterator[Check]:
        """Judge generation prompts in each setting of the thinking switch."""
        read = self.after.reads("enable_thinking")
        for options in switches(probe) if read else [probe.options]:
            given = {**probe.arguments, **options}
            asked, unasked = (_try(self._asked(probe, given, prompt)) for prompt in (True, False))
            if self.before is not self.after:
                yield claims.same_text(probe.name, _try(self._asked(probe, given, True, self.before)), asked)
            if not isinstance(asked, str):
                yield claims.prompt_unmarked(probe, asked, "" if isinstance(unasked, str) else unasked.text)

    def _asked(
        self, probe: Probe, given: Mapping[str, Any], prompt: bool, renderer: Renderer | None = None
    ) -> Callable[[], Rendered]:
        arguments = {**given, "add_generation_prompt": prompt}
        return lambda: (renderer or self.after).render(probe.messages, **arguments)

    def _spans(self, expectation: Expectation, rendered: Rendered, spans: list[Any]) -> Iterator[Check]:
        probe = expectation.probe
        yield from exact_span(expectation, rendered, spans, self.policy)
        yield claims.no_leak(expectation, rendered, spans)
        if not any(isinstance(turn, Owed) and turn.holes for turn in expectation.turns):
            yield from strange_headers(self.oracle, expectation, rendered, spans)
        yield from claims.stop_trained(expectation, rendered, spans)
        said = [(probe.messages[turn], probe.turns[turn].texts) for turn in probe.assistant]
        calls = [text for message, texts in said for text in claims.calls_of(message, texts)]
        reasoning = [text for message, _ in said for text in claims.reasoning_of(message)]
        yield from claims.told(Claim.CALLS_TRAINED, expectation, rendered, spans, calls)
        yield from claims.told(Claim.REASONING_TRAINED, expectation, rendered, spans, reasoning)
        yield claims.of_template(Claim.PREFIX_STABLE, probe.name, expectation.prefix_stable)
        yield claims.of_template(Claim.PROMPT_IS_PREFIX, probe.name, expectation.prompt_is_prefix)


def _two_turns(expectations: Sequence[Expectation], before: Renderer) -> Iterator[Check]:
    if any(
        sum(claims.is_owed(turn) and not turn.optional for turn in each.turns) > 1 for each in expectations
    ):
        return
    first = expectations[0].probe
    reason = _try(lambda: before.render(first.messages, **first.arguments))
    reason = f": it raises {reason}" if isinstance(reason, str) else ""
    detail = f"no probe conversation of two assistant turns renders{reason}"
    yield Check(Claim.EXACT_SPAN, "all", "undecided", detail=detail, fault="no-two-turns")


def _holes(coverage: Coverage, whose: str) -> Iterator[Check]:
    if coverage.unmarked:
        lines = ", ".join(map(str, coverage.unmarked))
        detail = f"an assistant's turn may print the output in line {lines}{whose}, and no probe reached it"
        line = coverage.unmarked[0]
        yield Check(Claim.EXACT_SPAN, "none", "undecided", detail=detail, line=line, fault="untested-output")
    if coverage.foreign:
        lines, line = ", ".join(map(str, coverage.foreign)), coverage.foreign[0]
        detail = f"the output in line {lines} is marked, prints no text of the assistant's, and no probe reached it"
        yield Check(Claim.NO_LEAK, "none", "undecided", detail=detail, line=line, fault="untested-output")


def _try(action: Callable[[], Rendered]) -> Rendered | str:
    try:
        return action()
    except RenderError as error:
        return error.what
