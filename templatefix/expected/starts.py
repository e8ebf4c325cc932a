"""Where the expected span of a turn starts: behind what inference prepends to it.

For each setting of the variables that change the generation prompt, the prompt after the messages before the turn is
laid over the render of the whole conversation, behind the last earlier message that both print.
`docs/how-spans-are-found.md` has the table of cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templatefix.analysis import Trace, View
from templatefix.expected.prompts import Laid, lay, plain_part, role_header
from templatefix.expected.texts import common_prefix, common_suffix, indent_of, last_end
from templatefix.expected.unasked import printed_as_a_question, starts_unasked, without_tail

_LONGEST_ENDING = 100

Starts = tuple[set[int], frozenset[str]]
"""Offsets at which the span may start, and how they were found."""


def find_starts(view: View, full: Trace, k: int) -> tuple[set[int], frozenset[str], int | None] | str:
    """Return where the expected span of a turn may start, or why that is not known.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message, of which something is printed.

    Returns:
        `tuple[set[int], frozenset[str], int | None]`: Offsets, how they were found, and where the shortest generation
        prompt ends that is printed whole.
    """
    search = _Search(view, full, k)
    for options in view.settings:
        search.compare(options)
    found = search.result()
    if isinstance(found, str):
        return found
    starts, flags = found
    if "printed-as-user" in flags:
        return starts, flags, None
    starts = starts | search.prefills()
    header = role_header(view)
    # The model does not write a header, even where the prompt lacks it.
    behind = {at + len(header) for at in starts if header.strip() and full.text.startswith(header, at)}
    starts |= {at for at in behind if at <= search.text_start}
    return starts, flags, min(search.prompt_ends & starts, default=None)


class _Search:
    """Collects where one turn may start, setting by setting."""

    def __init__(self, view: View, full: Trace, k: int) -> None:
        self.view = view
        self.full = full
        self.k = k
        own, made = full.own(k), full.made(k)
        self.own = own
        # The turn's own text begins here at the latest.
        self.text_start = own[0][0] if own else made[-1][1]
        self.text_end = own[-1][1] if own else made[-1][1]
        self.whole: set[int] = set()
        self.partial: set[int] = set()
        self.prompt_ends: set[int] = set()
        self.flags: set[str] = set()
        self.rendered = 0
        self.unasked: int | None = None
        self.prompts: list[Laid] = []

    def compare(self, options: Mapping[str, Any]) -> None:
        """Compare the turn with the generation prompt of one setting."""
        view, full, k = self.view, self.full, self.k
        prompt = view.render(view.messages[:k], True, options)
        bare = view.render(view.messages[:k], False, options)
        if prompt is None:
            return
        self.rendered += 1
        laid = lay(prompt, bare, full, k, self.text_start, self.text_end)
        end = laid.over + laid.shared
        heeded = bare is None or prompt.text != bare.text
        if not heeded and not laid.rest.strip():
            self.unasked = self.unasked or end
            return
        self.prompts.append(laid)
        if not laid.rest.strip():  # the whole prompt is printed before the turn
            self.whole.add(end)
            self.prompt_ends.add(end)
            if end > self.text_start:  # its end is a text of the message: a prefill
                self.whole.add(self.text_start)
            head = plain_part(view, k, laid)
            if laid.opens(head):  # a prefill that history drops may be written too
                self.whole.add(laid.over + head)
            return
        found = self._parted(laid)
        if found:
            self.partial |= found
        else:
            self._moved(laid)

    def _parted(self, laid: Laid) -> set[int]:
        """Find where a turn starts that prints only a beginning of the prompt: history drops a prefill."""
        full, start = self.full, self.text_start
        if laid.over + laid.shared >= start:
            return {start} if laid.opens(laid.shared) else set()
        head = plain_part(self.view, self.k, laid)
        cut = max(self._whole_pieces(laid), head if head <= laid.shared else 0)
        if not laid.opens(cut) or self._opens_a_question(laid.text[laid.closed : cut]):
            return set()
        at = laid.over + cut
        found = {at, at + indent_of(laid.text[cut : laid.shared])}  # blanks that both print
        rest = full.text[at:start]
        if self.own and rest.strip() and laid.text.rstrip().endswith(rest.rstrip()):
            found.add(start)  # the end of a prefill, printed in part
        return found

    def _opens_a_question(self, head: str) -> bool:
        """Whether a beginning of the prompt begins questions too, so that it names no role."""
        opening = self.view.opening.lstrip()
        for token in (str(value) for value in self.view.analysis.variables.values()):
            opening = opening.removeprefix(token).lstrip()
        return opening.startswith(head.strip())

    def _whole_pieces(self, laid: Laid) -> int:
        """Go back from where two texts part to where a piece of either begins, or a special token ends."""
        tokens = self.view.analysis.special_tokens
        for length in range(laid.shared, -1, -1):
            ours = laid.over + length
            if laid.at + length in laid.prompt.edges or ours in self.full.edges:
                return length
            if any(self.full.text.endswith(token, 0, ours) for token in tokens):
                return length
        return 0

    def _moved(self, laid: Laid) -> None:
        """Find a prompt later in the gap: history was rewritten before it."""
        full, start = self.full, self.text_start
        asked, closed = laid.text, laid.closed
        head = asked[closed:].strip()
        edges = sorted(at for at in full.edges if laid.over <= at < start)
        for at in reversed(edges) if head else ():  # the nearest one: silent turns may print it before
            shared = common_prefix(head, full.text[at : self.text_end])
            if shared == len(head):
                rest = asked[closed:].lstrip()[shared:]
                end = at + shared + common_prefix(rest, full.text[at + shared : self.text_end])
                self.whole.add(end)
                self.prompt_ends.add(end)
                self.flags.add("moved")
                return
            if at + shared >= start > at:
                self.partial.add(start)
                self.flags.add("moved")
                return
        gap = full.text[laid.over : start]
        if head and gap.rstrip().endswith(head):
            self.whole |= {start, laid.over + len(gap.rstrip())}
            self.flags.add("moved")
            return
        tokens = self.view.analysis.special_tokens
        for at in edges:  # all that is printed before the text, from some piece on, is in the prompt
            lead = full.text[at:start]
            found = asked.find(lead, closed) if lead.strip() else -1
            named = full.is_role(at, self.k) or lead.startswith(tokens)
            if found >= 0 and (laid.at + found in laid.prompt.edges or named):
                self.partial.add(start)
                self.flags.add("moved")
                return

    def prefills(self) -> set[int]:
        """Find where the header ends, if what inference prepends goes on: what follows is a prefill of some mode."""
        return self._shared_header() | self._before_whole() | self._like_a_question()

    def _shared_header(self) -> set[int]:
        """Return the edge up to which all settings' prompts are the same."""
        if len({laid.text for laid in self.prompts}) < 2:
            return set()
        first = self.prompts[0].text
        shared = min(common_prefix(first, other.text) for other in self.prompts)
        found = set()
        for laid in self.prompts:
            length = shared
            while length > laid.closed and laid.at + length not in laid.prompt.edges:
                length -= 1
            at = laid.over + length
            fits = laid.opens(length) and self.full.text.startswith(laid.text[:length], laid.over)
            if fits and at <= self.text_start and not self._opens_a_question(laid.text[laid.closed : length]):
                found.add(at)
        return found

    def _like_a_question(self) -> set[int]:
        """Return the edge at which the prompt ends like what opens a question: `user:`, `assistant:`."""
        opening = self.view.opening[-_LONGEST_ENDING:]
        found = set()
        for laid in self.prompts:
            longest, end = 0, -1
            for length in range(laid.closed + 1, laid.shared + 1):
                at = laid.over + length
                edge = at in self.full.edges or laid.at + length in laid.prompt.edges
                if not edge or at > self.text_start or self.full.text[at : at + 1].isspace():
                    continue
                head = laid.text[laid.closed : length]
                same = common_suffix(head, opening)
                if same > longest and laid.opens(length) and not self._opens_a_question(head):
                    longest, end = same, at
            if end >= 0 and not any(self.full.is_role(at, self.k) for at in range(end, self.text_start)):
                found.add(end)
        return found

    def _before_whole(self) -> set[int]:
        """Return where a turn starts by a prompt that parts from it, where another setting's is printed whole."""
        low = min(self.partial, default=self.text_start)
        named = [at for at in range(low, self.text_start) if self.full.is_role(at, self.k)]
        return {at for at in self.partial if not named or at > named[-1]} if self.whole else set()

    def result(self) -> Starts | str:
        """Return the first answer of the table that applies."""
        view, full, k, start = self.view, self.full, self.k, self.text_start
        low = max((end for j in range(k) if (end := last_end(full.own(j), start)) is not None), default=0)
        if k and view.messages[k - 1].get("role") == view.messages[k].get("role"):
            found = self._transferred(low)
            if found:
                return found, frozenset(self.flags | {"transferred"})
        if self.whole:
            return self.whole, frozenset(self.flags | ({"soft-start"} if len(self.whole) > 1 else set()))
        if self.partial:
            named = [at for at in range(min(self.partial), start) if full.is_role(at, k)]
            if named:
                return self._behind_name(named[-1] + 1)
            return self.partial, frozenset(self.flags | {"prefill-dropped"})
        dropped = without_tail(view, full, k, start) if self.unasked is None and self.rendered else None
        if dropped is not None:
            self.unasked = dropped
            self.flags.add("tail-dropped")
        if self.unasked is not None:
            unasked = starts_unasked(view, full, k, self.unasked, dropped is not None)
            if isinstance(unasked, str):
                return unasked
            if unasked is not None:
                if unasked.prompted is not None:
                    self.prompt_ends.add(unasked.prompted)
                return unasked.starts, frozenset(self.flags | {unasked.flag})
        if printed_as_a_question(view, full, k):
            return {start}, frozenset(self.flags | {"printed-as-user"})
        found = self._transferred(low)
        if found:
            return found, frozenset(self.flags | {"transferred"})
        if self.own and not _printed_for(full, k, low, start):
            lead = start
            while lead > low and full.at(lead - 1) == k and full.text[lead - 1].isspace():
                lead -= 1
            if lead < start:
                self.prompt_ends.add(
                    lead
                )  # as of turns that a prompt opens, which print these blanks behind it
            return set(range(lead, start + 1)), frozenset(self.flags | {"bare"})
        if not self.rendered:
            return "the template raises where a generation prompt is asked for"
        return "the generation prompt does not match how this turn starts"

    def _transferred(self, low: int) -> set[int]:
        """Find the header behind an offset by the literal that ends the prompt after a plain question."""
        view, full, k = self.view, self.full, self.k
        if k == 1 and view.messages[0] is view.analysis.ask:
            return set()
        for rest in (view.messages[k:], view.messages[k : k + 1]):
            asked = view.of([view.analysis.ask, *rest])
            render = asked.full
            found = find_starts(asked, render, 1) if render is not None and render.own(1) else ""
            if render is None or isinstance(found, str):
                continue
            starts, _, prompted = found
            keys = {render.key(at - 1) for at in starts if at} - {None}
            ours = {at for at in range(low + 1, self.text_start + 1) if full.key(at - 1) in keys}
            if (
                ours and render.text[min(starts) : max(starts)].isspace()
            ):  # blanks may be on either side here too
                ours |= set(range(max(low, len(full.text[: min(ours)].rstrip())), min(ours)))
            if ours:
                if prompted == min(starts):
                    self.prompt_ends.add(min(ours))
                return ours
        return set()

    def _behind_name(self, name: int) -> Starts | str:
        """Find where a header ends that has a name in it, by what follows the role in a prompt."""
        behind = self.full.text[name : self.text_start]
        found = set()
        for laid in self.prompts:
            header = laid.text[laid.closed :]
            ends = (length for length in range(len(behind), 0, -1) if header.endswith(behind[:length]))
            found |= {name + length for length in [next(ends, 0)] if length}
        if not found:
            return "the generation prompt opens a message of another role"
        return found, frozenset(self.flags | {"named"})


def _printed_for(full: Trace, k: int, start: int, end: int) -> bool:
    """Whether something visible in a range was printed for a message."""
    return any(
        full.ats[index] == k and full.text[low:high].strip()
        for index, low, high in full.segments_in(start, end)
    )
