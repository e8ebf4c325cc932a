"""What closes an assistant turn, learned over all probes of a template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from templatefix.oracle import leads
from templatefix.oracle.headers import Headers
from templatefix.oracle.leads import windows
from templatefix.oracle.views import View, bracketed, common_prefix, whole


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
        found = {pair for view in views for pair in _plain(view, appended)}
        found_leads = leads.learn(views, headers)
        unasked = found_leads.get("assistant", "").strip() if headers.none else ""
        questions = {text for view in views for text in _of_questions(view)}
        shared = {each for text in questions if (each := text.removesuffix(unasked).rstrip())}
        closings, extras = {closing for _, closing in found}, {extra for extra, _ in found if extra}
        terminator = closings.pop() if len(closings) == 1 else ""
        extras = extras if terminator else set()
        terminator, asked = _before_question(terminator, views)
        extras |= {asked} if asked else set()
        calls = {text for view in views for text in _of_calls(view)}
        tails = [tail(view, turn) or "" for view in views for turn in view.probe.assistant]
        before = [each for view in views for role in ("user", "assistant") for each in windows(view, role)]
        ends = " ".join([terminator, *extras, *shared, *tails, *before])
        results = frozenset(token for view in views for token in _before_results(view) if token not in ends)
        after = {pair for view in views for pair in _after_answers(view)}
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
            _longest_first({text for view in views for text in _of_answers(view)}),
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


def _before_question(terminator: str, views: Sequence[View]) -> tuple[str, str]:
    """What closes turns, and what behind it only opens the next question: the token right before the first one too."""
    first = {
        bracketed(window)[-1]
        for view in views
        if view.probe.turns[0].role == "user"
        for window in [*windows(view, "user")][:1]
        if bracketed(window)
    }
    for token in sorted(first):
        closing = terminator.rstrip().removesuffix(token)
        if closing.strip() and closing != terminator.rstrip():
            return closing.rstrip(), terminator[len(closing.rstrip()) :]
    return terminator, ""


_WRITTEN = ("'}]", '"}]')
"""How a list of parts ends that is printed as Python or as JSON."""


def _longest_first(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def tail(view: View, turn: int) -> str | None:
    """Return what follows the turn's own last text where the turn is the last one.

    `None` where the template raises or the turn's texts are not found.
    """
    alone = view.upto(turn + 1, False)
    place = view.located(alone)[turn] if alone is not None else None
    return alone[place[1] :] if alone is not None and place else None


def _said_last(view: View, turn: int) -> bool:
    """Whether a message is plain and ends with a text of its own."""
    message, texts = view.probe.messages[turn], view.probe.turns[turn].texts
    plain = set(message) <= {"role", "content", "reasoning_content", "reasoning", "thinking"}
    return plain and bool(texts) and str(message.get("content")).endswith(texts[-1])


def _said_lasts(view: View) -> list[int]:
    return [turn for turn in view.probe.assistant if _said_last(view, turn)]


def _after_answers(view: View) -> Iterator[tuple[str, str]]:
    """The role that speaks after a plain answer, and the bracketed token, if any, that comes first."""
    full = view.full
    places = view.located(full) if full else []
    for turn in _said_lasts(view):
        place, after = (places[turn], places[turn + 1]) if turn + 1 < len(places) else (None, None)
        if full and place and after:
            gap = full[place[1] : after[0]].lstrip()
            first = bracketed(gap)[:1]
            yield view.probe.turns[turn + 1].role, first[0] if first and gap.startswith(first[0]) else ""


def _plain(view: View, appended: Sequence[str]) -> Iterable[tuple[str, str]]:
    full = view.full
    if full is None:
        return
    places = [*view.located(full), None]
    for turn in view.probe.assistant:
        place, after, last = places[turn], places[turn + 1], tail(view, turn)
        if not _said_last(view, turn) or not (place and after) or last is None:
            continue
        gap = full[place[1] : after[0]]
        header = next(
            (each for each in appended if last.endswith(each) and last.removesuffix(each).strip()), ""
        )
        if header:  # it is printed unasked
            closing = last.removesuffix(header).rstrip()
            yield last[len(closing) :], closing
            continue
        shared = gap[: whole(gap, common_prefix(gap, last), last)].rstrip()
        if shared:
            rest = last[len(shared) :]
            yield (rest if rest.strip() else "", shared)


def _of_calls(view: View) -> Iterator[str]:
    """What closes a turn that ends with a call, where it is last and where a message follows."""
    full = view.full
    places = view.located(full) if full else []
    for turn in view.probe.assistant:
        last, place, quoted = (
            tail(view, turn),
            places[turn] if places else None,
            view.probe.turns[turn].quoted,
        )
        if "tool_calls" not in view.probe.messages[turn] or not (full and place and last and last.strip()):
            continue
        if any(each in last for each in quoted):
            continue
        if full.startswith(last.rstrip(), place[1]):
            yield last.rstrip()


def _of_answers(view: View) -> Iterator[str]:
    """What follows an answer without a call where it is last."""
    for turn in view.probe.assistant:
        message = view.probe.messages[turn]
        last = tail(view, turn) if "tool_calls" not in message else None
        if (
            last
            and last.strip()
            and not (isinstance(message.get("content"), list) and last.startswith(_WRITTEN))
        ):
            yield last.rstrip()


def _before_results(view: View) -> Iterator[str]:
    """Bracketed tokens between two tool results in a row."""
    full = view.full
    places = view.located(full) if full else []
    for turn in range(1, len(places)):
        one, two = places[turn - 1], places[turn]
        roles = {view.probe.turns[turn - 1].role, view.probe.turns[turn].role}
        if full and one and two and roles == {"tool"}:
            yield from bracketed(full[one[1] : two[0]])


def _of_questions(view: View) -> Iterator[str]:
    """What closes a question before an answer is asked for."""
    full = view.full
    places = view.located(full) if full else []
    for turn in view.probe.assistant:
        asked = turn > 0 and view.probe.turns[turn - 1].role == "user" and _said_last(view, turn - 1)
        place = places[turn - 1] if asked and places else None
        if full is None or place is None:
            continue
        for base, _ in view.prompts(turn):
            if full.startswith(base) and len(base) > place[1] and (text := base[place[1] :].strip()):
                yield base[place[1] : place[1] + base[place[1] :].index(text) + len(text)]
