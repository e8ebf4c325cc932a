"""What closes an assistant turn, learned over all probes of a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from templatefix.oracle import endings, leads
from templatefix.oracle.endings import tail
from templatefix.oracle.headers import Headers
from templatefix.oracle.leads import windows
from templatefix.oracle.texts import bracketed
from templatefix.oracle.views import View


@dataclass(frozen=True, slots=True)
class Closings:
    """How assistant turns end.

    Args:
        extras (`tuple[str, ...]`): Texts that follow the end of turn only where nothing comes after the turn, such as
            an end of sequence printed after the message loop; longest first. The model stops before them.
        terminator (`str`): What closes a plain turn, in the middle and at the end alike.
        shared (`tuple[str, ...]`): What closes the turns of other roles too; longest first.
        calls (`tuple[str, ...]`): What closes turns that end with a call, where they are last; longest first.
        results (`frozenset[str]`): Bracketed tokens that stand before a tool's result after another one: where one
            of them ends a turn, the tool's message has printed it.
        common (`str`): A bracketed token that follows plain answers, whichever role speaks next.
        leads (`Mapping[str, str]`): What a role's message begins with; see `leads.learn`.
        asks (`str`): What stands before every question, what closes turns aside; empty if that is nothing.
        eos (`str`): The end-of-sequence token.
        answers (`tuple[str, ...]`): What follows answers without a call where they are last.
    """

    extras: tuple[str, ...] = ()
    terminator: str = ""
    shared: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    leads: Mapping[str, str] = field(default_factory=dict)
    results: frozenset[str] = frozenset()
    common: str = ""
    asks: str = ""
    eos: str = ""
    answers: tuple[str, ...] = ()

    @classmethod
    def learn(cls, views: Sequence[View], headers: Headers) -> Closings:
        """Compare the ends of plain last turns with those of plain turns in the middle.

        Args:
            views (`Sequence[View]`): The probes of one template.
            headers (`Headers`): Its headers.
        """
        appended = headers.texts if headers.none else ()
        found = {pair for view in views for pair in endings.of_plain(view, appended)}
        found_leads = leads.learn(views, headers)
        unasked = found_leads.get("assistant", "").strip() if headers.none else ""
        questions = {text for view in views for text in endings.of_questions(view)}
        shared = {each for text in questions if (each := text.removesuffix(unasked).rstrip())}
        closings, extras = {closing for _, closing in found}, {extra for extra, _ in found if extra}
        terminator = closings.pop() if len(closings) == 1 else ""
        extras = extras if terminator else set()
        terminator, asked = endings.before_question(terminator, views)
        extras |= {asked} if asked else set()
        calls = {text for view in views for text in endings.of_calls(view)}
        tails = [tail(view, turn) or "" for view in views for turn in view.probe.assistant]
        before = [each for view in views for role in ("user", "assistant") for each in windows(view, role)]
        ends = " ".join([terminator, *extras, *shared, *tails, *before])
        results = frozenset(
            token for view in views for token in endings.before_results(view) if token not in ends
        )
        after = {pair for view in views for pair in endings.after_answers(view)}
        tokens = {token for _, token in after}
        # What begins the text after an answer, whoever speaks next, closes the answer, unless it opens messages.
        common = tokens.pop() if len(tokens) == 1 and len(after) > 1 else ""
        bos = str(views[0].renderer.variables.get("bos_token") or "") if views else ""
        openings = [bos, found_leads.get("assistant", ""), *map(leads.opening, views)]
        common = "" if common and any(each.lstrip().startswith(common) for each in openings) else common
        return cls(
            _longest_first(extras),
            terminator,
            _longest_first(shared),
            _longest_first(calls),
            found_leads,
            results,
            common,
            leads.before_questions(views, (terminator, common, *shared)),
            str(views[0].renderer.variables.get("eos_token") or "") if views else "",
            _longest_first({text for view in views for text in endings.of_answers(view)}),
        )

    @property
    def stops(self) -> tuple[str, ...]:
        """What surely closes turns, wherever it stands."""
        return tuple(each for each in (self.terminator, self.common, self.eos, *self.shared) if each.strip())

    def bare(self, text: str) -> str:
        """Return a render that ends in an assistant turn without the extra text."""
        text = text.rstrip()
        extra = next((each for each in self.extras if text.endswith(f"{self.terminator}{each.rstrip()}")), "")
        return text.removesuffix(extra.rstrip())

    def softened(self, text: str, ends: frozenset[int]) -> frozenset[int]:
        """Return `ends`, and those before a stop that the next message prints: it may be marked or not."""
        more = {
            len(text[: end - len(token)].rstrip())
            for end in ends
            for token in self.results
            if text.endswith(token, 0, end)
        }
        return ends | more

    def stopped(self, last: str, gap: tuple[str, str]) -> str | None:
        """Return what closes a turn that ends with a call or with parts of content, or `None` if unsure.

        Where it is the last turn, their own syntax may be all that follows, and a stop be printed in the middle.

        Args:
            last (`str`): What follows the turn's own last text where it is the last turn.
            gap (`tuple[str, str]`): See `View.gap`.
        """
        stops = (*self.stops, *self.answers)
        if any(last.endswith(each) for each in stops):
            return last
        rest = gap[0].removeprefix(last)
        more = self.between(rest, gap[1], called=True)
        if more is not None:
            return last + more
        first, ended = bracketed(rest)[:1], bracketed(last)[-1:]
        if not first:
            return last
        if rest.lstrip().startswith(first[0]):  # it may be a stop, unless it is what opens messages
            opens = first == bracketed(self.leads.get("assistant", ""))[:1]
            return last if opens and not any(each.endswith(first[0]) for each in stops) else None
        # A call that ends with a token is whole; what follows it as text is the next message's.
        return last if ended and last.rstrip().endswith(ended[0]) else None

    def between(self, gap: str, role: str = "", *, called: bool = False) -> str | None:
        """Return what closes a turn that ends otherwise in the middle than at the end, or `None` if unsure.

        Args:
            gap (`str`): What stands between the turn's own last text and that of the message after it.
            role (`str`): Who speaks next.
            called (`bool`): Whether the turn ends with a call.
        """
        rest = gap.lstrip()
        if not rest or (not role and rest.rstrip() in {each.strip() for each in self.extras}):
            return ""
        for closing in (*(self.calls if called else ()), self.terminator, *self.shared):
            if closing.strip() and rest.startswith(closing.lstrip()):
                return gap[: len(gap) - len(rest)] + closing.lstrip()
        # The first lead is the next message's, whether that prints more or not; what follows it is no closing.
        begun = [gap.index(lead) for lead in self.leads.values() if lead in gap]
        if begun and self.leads.get(role, "\0") in gap:
            closing = gap[: min(begun)].rstrip()
            # Anything else may begin the next message: a system's text, a separator, the next round's BOS.
            return closing if closing.strip() in ("", self.eos, self.common) else None
        if self.common and rest.startswith(self.common):
            return gap[: len(gap) - len(rest)] + self.common
        return self._once(gap) if called else None

    def _once(self, gap: str) -> str | None:
        """What closes a call behind its own syntax: the terminator, if another message begins right there."""
        stop = self.terminator.strip()
        before, _, after = gap.partition(stop) if stop and gap.count(stop) == 1 else ("", "", "")
        begun = any(lead.strip() and after.lstrip().startswith(lead.strip()) for lead in self.leads.values())
        return before + stop if begun else None


def _longest_first(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))
