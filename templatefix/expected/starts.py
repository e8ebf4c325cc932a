"""Where the expected span of a turn starts: behind what inference prepends to it.

For each setting of the variables that change the generation prompt, the prompt after the messages before the turn is
laid over the render of the whole conversation, behind the last earlier message that both print.
`docs/how-spans-are-found.md` has the table of cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templatefix.analysis import Key, Trace, View
from templatefix.expected.texts import common_prefix, indent_of, last_end

Starts = tuple[set[int], frozenset[str]]
"""Offsets at which the span may start, and how they were found."""


def find_starts(view: View, full: Trace, k: int) -> Starts | str:
    """Return where the expected span of a turn may start, or why that is not known.

    Args:
        view (`View`): The conversation.
        full (`Trace`): Its render.
        k (`int`): Index of the assistant's message, of which something is printed.
    """
    search = _Search(view, full, k)
    for options in view.settings:
        search.compare(options)
    found = search.result()
    if isinstance(found, str) or "printed-as-user" in found[1]:
        return found
    starts, flags = found
    starts = starts | search.common_header()
    header = _role_header(view)
    # The model does not write a header, even where the prompt lacks it.
    behind = {at + len(header) for at in starts if header.strip() and full.text.startswith(header, at)}
    return starts | {at for at in behind if at <= search.text_start}, flags


def anchor(one: Trace, full: Trace, k: int, before: int) -> tuple[int, int, int | None]:
    """Find the last message before turn `k` that both renders print.

    Returns:
        `tuple[int, int, int | None]`: Where it ends in each, and its index; the starts and `None` if there is none.
    """
    for message in range(k - 1, -1, -1):
        theirs = one.own(message)
        ours = last_end(full.own(message), before) if theirs else None
        if theirs and ours is not None:
            return theirs[-1][1], ours, message
    return 0, 0, None


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
        self.flags: set[str] = set()
        self.rendered = 0
        self.unasked: int | None = None
        self.prompts: list[tuple[str, int, int, int, Trace]] = []

    def compare(self, options: Mapping[str, Any]) -> None:
        """Compare the turn with the generation prompt of one setting."""
        view, full, k = self.view, self.full, self.k
        prompt = view.render(view.messages[:k], True, options)
        bare = view.render(view.messages[:k], False, options)
        if prompt is None:
            return
        self.rendered += 1
        p, f, message = anchor(prompt, full, k, self.text_start)
        asked, given = prompt.text[p:], full.text[f : self.text_end]
        shared = common_prefix(asked, given)
        if bare is None or prompt.text != bare.text:
            # What closes the message before the turn.
            closed = (
                0
                if bare is None
                else common_prefix(asked, bare.text[anchor(bare, full, k, self.text_start)[0] :])
            )
        else:  # the flag changes nothing
            if not asked[shared:].strip():
                self.unasked = self.unasked or f + shared
                return
            closed = 0
            while f + closed < self.text_start and full.at(f + closed) == message and closed < shared:
                closed += 1
        self.prompts.append((asked, closed, p, f, prompt))
        if not asked[shared:].strip():  # the whole prompt is printed before the turn
            self.whole.add(f + shared)
            if f + shared > self.text_start:  # its end is a text of the message: a prefill
                self.whole.add(self.text_start)
            head = _plain_part(view, k, prompt, asked)
            if asked[closed:head].strip():  # a prefill that history drops may be written too
                self.whole.add(f + head)
            return
        found = self._parted(prompt, p, f, shared, asked, closed)
        if found:
            self.partial |= found
        else:
            self._moved(prompt, p, f, asked, closed)

    def _parted(self, prompt: Trace, p: int, f: int, shared: int, asked: str, closed: int) -> set[int]:
        """Find where a turn starts that prints only a beginning of the prompt: history drops a prefill."""
        full, start = self.full, self.text_start
        if f + shared >= start:
            return {start} if asked[closed:shared].strip() else set()
        head = _plain_part(self.view, self.k, prompt, asked)
        cut = max(self._whole_pieces(prompt, p, f, shared), head if head <= shared else 0)
        if not asked[closed:cut].strip() or self._opens_a_question(asked[closed:cut]):
            return set()
        found = {f + cut, f + cut + indent_of(asked[cut:shared])}  # blanks that both print
        rest = full.text[f + cut : start]
        if self.own and rest.strip() and asked.rstrip().endswith(rest.rstrip()):
            found.add(start)  # the end of a prefill, printed in part
        return found

    def _opens_a_question(self, head: str) -> bool:
        """Whether a beginning of the prompt begins questions too, so that it names no role."""
        opening = self.view.opening.lstrip()
        for token in (str(value) for value in self.view.analysis.variables.values()):
            opening = opening.removeprefix(token).lstrip()
        return opening.startswith(head.strip())

    def _whole_pieces(self, prompt: Trace, p: int, f: int, shared: int) -> int:
        """Go back from where two texts part to where a piece of either begins, or a special token ends."""
        for at in range(shared, -1, -1):
            if p + at in prompt.edges or f + at in self.full.edges:
                return at
            if any(self.full.text.endswith(token, 0, f + at) for token in self.view.analysis.special_tokens):
                return at
        return 0

    def _moved(self, prompt: Trace, p: int, f: int, asked: str, closed: int) -> None:
        """Find a prompt later in the gap: history was rewritten before it."""
        full, start = self.full, self.text_start
        head = asked[closed:].strip()
        edges = sorted(at for at in full.edges if f <= at < start)
        for at in reversed(edges) if head else ():  # the nearest one: silent turns may print it before
            shared = common_prefix(head, full.text[at : self.text_end])
            if shared == len(head):
                rest = asked[closed:].lstrip()[shared:]
                self.whole.add(at + shared + common_prefix(rest, full.text[at + shared : self.text_end]))
                self.flags.add("moved")
                return
            if at + shared >= start > at:
                self.partial.add(start)
                self.flags.add("moved")
                return
        gap = full.text[f:start]
        if head and gap.rstrip().endswith(head):
            self.whole |= {start, f + len(gap.rstrip())}
            self.flags.add("moved")
            return
        tokens = self.view.analysis.special_tokens
        for at in edges:  # all that is printed before the text, from some piece on, is in the prompt
            lead = full.text[at:start]
            found = asked.find(lead, closed) if lead.strip() else -1
            if found >= 0 and (
                p + found in prompt.edges or full.is_role(at, self.k) or lead.startswith(tokens)
            ):
                self.partial.add(start)
                self.flags.add("moved")
                return

    def common_header(self) -> set[int]:
        """Find where the header ends that all settings' prompts share: what follows is a prefill of some mode.

        It ends where the piece of a prompt begins in which the prompts part.
        """
        if len({asked for asked, *_ in self.prompts}) < 2:
            return set()
        first = self.prompts[0][0]
        shared = min(common_prefix(first, other) for other, *_ in self.prompts)
        found = set()
        for asked, closed, p, f, prompt in self.prompts:
            at = shared
            while at > closed and p + at not in prompt.edges:
                at -= 1
            fits = asked[closed:at].strip() and self.full.text.startswith(asked[:at], f)
            if fits and f + at <= self.text_start and not self._opens_a_question(asked[closed:at]):
                found.add(f + at)
        return found

    def result(self) -> Starts | str:
        """Return the first answer of the table that applies."""
        view, full, k, start = self.view, self.full, self.k, self.text_start
        low = max((end for j in range(k) if (end := last_end(full.own(j), start)) is not None), default=0)
        if k and view.messages[k - 1].get("role") == view.messages[k].get("role"):
            found = _transferred(view, full, k, start, low)
            if found:
                return found, frozenset(self.flags | {"transferred"})
        if self.whole:
            return self.whole, frozenset(self.flags | ({"soft-start"} if len(self.whole) > 1 else set()))
        if self.partial:
            named = [at for at in range(min(self.partial), start) if full.is_role(at, k)]
            if named:
                return self._behind_name(named[-1] + 1)
            return self.partial, frozenset(self.flags | {"prefill-dropped"})
        if self.unasked is None and self.rendered:
            self._drop_tail()
        if self.unasked is not None:
            found_unasked = self._unasked(self.unasked)
            if found_unasked is not None:
                return found_unasked
        if _printed_as_a_question(view, full, k):
            return {start}, frozenset(self.flags | {"printed-as-user"})
        found = _transferred(view, full, k, start, low)
        if found:
            return found, frozenset(self.flags | {"transferred"})
        if self.own and not _printed_for(full, k, low, start):
            return {start}, frozenset(self.flags | {"bare"})
        if not self.rendered:
            return "the template raises where a generation prompt is asked for"
        return "the generation prompt does not match how this turn starts"

    def _behind_name(self, name: int) -> Starts | str:
        """Find where a header ends that has a name in it, by what follows the role in a prompt."""
        behind = self.full.text[name : self.text_start]
        found = set()
        for asked, closed, *_ in self.prompts:
            ends = (
                length for length in range(len(behind), 0, -1) if asked[closed:].endswith(behind[:length])
            )
            found |= {name + length for length in [next(ends, 0)] if length}
        if not found:
            return "the generation prompt opens a message of another role"
        return found, frozenset(self.flags | {"named"})

    def _drop_tail(self) -> None:
        """Drop from a prompt that is printed unasked what is printed only because it is the end."""
        view, full, k, start = self.view, self.full, self.k, self.text_start
        prompt, bare = view.render(view.messages[:k], True), view.render(view.messages[:k])
        if prompt is None or prompt.text.rstrip() != (bare.text.rstrip() if bare else ""):
            return
        p, f, _ = anchor(prompt, full, k, start)
        middle = full.keys(f, start)
        end = len(prompt.text)
        while end > p and (prompt.key(end - 1) not in middle or prompt.text[end - 1].isspace()):
            end -= 1
        if full.text.startswith(prompt.text[p:end], f):  # a guard's question, or an end of sequence
            self.unasked = f + end - p
            self.flags.add("tail-dropped")

    def _unasked(self, at: int) -> Starts | str | None:
        """Decide where a turn starts if no generation prompt is printed on request."""
        view, full, k = self.view, self.full, self.k
        if "tail-dropped" not in self.flags and end_only(view, full, k):
            return {at}, frozenset(self.flags | {"unasked"})  # a header that every render ends with
        head = _plain_header(view, k, full, at)
        if head is not None and not head.strip():
            return {at, at + len(head)}, frozenset(self.flags | {"unasked"})
        if _printed_like_a_user(view, k):
            return "the template prints an assistant's message as it prints a user's"
        bare = (head or "").rstrip()
        if head is not None and full.text.startswith(bare, at):
            end = at + len(bare)
            return {end + common_prefix(head[len(bare) :], full.text[end:])}, frozenset(
                self.flags | {"no-prompt"}
            )
        return None


def _role_header(view: View) -> str:
    """Return the header of a plain answer to a plain question, without a prefill."""
    analysis = view.analysis
    key = repr(sorted(view.options.items(), key=str))
    if key not in analysis.role_headers:
        analysis.role_headers[key] = _find_role_header(view)
    return analysis.role_headers[key]


def _find_role_header(view: View) -> str:
    analysis = view.analysis
    prompt = analysis.traced([analysis.ask], None, True, view.options)
    bare = analysis.traced([analysis.ask], None, False, view.options)
    if prompt is None or bare is None or not prompt.own(0) or prompt.text == bare.text:
        return ""
    asked = prompt.text[prompt.own(0)[-1][1] :]
    closed = common_prefix(prompt.text, bare.text) - prompt.own(0)[-1][1]
    head = _plain_part(view.of([analysis.ask, analysis.answer]), 1, prompt, asked)
    return asked[closed:head] if 0 <= closed < head else ""


def _printed_for(full: Trace, k: int, start: int, end: int) -> bool:
    """Whether something visible in a range was printed for a message."""
    return any(
        full.ats[index] == k and full.text[low:high].strip()
        for index, low, high in full.segments_in(start, end)
    )


def _plain_part(view: View, k: int, prompt: Trace, asked: str) -> int:
    """Return how much of the prompt a plain answer in the middle prints: the rest is a prefill."""
    answer = {**view.analysis.answer, "role": view.messages[k].get("role")}
    for rest in ([view.analysis.ask], []):
        render = view.render([*view.messages[:k], answer, *rest])
        if render is None or not render.own(k):
            continue
        start = render.own(k)[0][0]
        _, after, _ = anchor(prompt, render, k, start)
        shared = common_prefix(asked, render.text[after:start])
        return shared if after + shared == start else 0
    return 0


def _plain_header(view: View, k: int, full: Trace, after: int) -> str | None:
    """Return what stands between the prompt and a plain answer in place of turn `k`."""
    for rest in (view.messages[k + 1 :], []):
        render = view.render([*view.messages[:k], view.analysis.answer, *rest])
        if render is not None and render.own(k):
            start = render.own(k)[0][0]
            theirs, ours, _ = anchor(render, full, k, after)
            if render.text[theirs:start].startswith(full.text[ours:after].rstrip()):
                return render.text[theirs + after - ours : start]
    return None


def _printed_as_a_question(view: View, full: Trace, k: int) -> bool:
    """Whether nothing would change if a user said it: the template takes the message for a question where it is."""
    messages = [*view.messages]
    messages[k] = {**messages[k], "role": "user"}
    render = view.render(messages)
    return render is not None and render.text == full.text


def _printed_like_a_user(view: View, k: int) -> bool:
    """Whether an answer is printed by the same literals as a question, and without its role."""
    seen: list[set[Key]] = []
    for role in ("assistant", "user"):
        message = {**view.analysis.answer, "role": role}
        for chat, at in (([view.analysis.ask, message], 1), ([*view.messages[:k], message], k)):
            render = view.render(chat)
            if render is not None and render.own(at):
                break
        else:
            return False
        own = render.own(at)
        keys: set[Key] = set()
        for low, high in render.made(at):
            for char in range(low, high):
                if any(start <= char < end for start, end in own) or render.text[char].isspace():
                    continue
                if render.origin(char).kind == "message":
                    return False  # its role
                keys.add(render.key(char) or ("output", str(render.origin(char).via), 0))
        seen.append(keys)
    return seen[0] == seen[1]


def _transferred(view: View, full: Trace, k: int, start: int, low: int) -> set[int]:
    """Find the header by the literal that ends the prompt after a plain question."""
    if k == 1 and view.messages[0] is view.analysis.ask:
        return set()
    for rest in (view.messages[k:], view.messages[k : k + 1]):
        asked = view.of([view.analysis.ask, *rest])
        render = asked.full
        if render is None or not render.own(1):
            continue
        found = find_starts(asked, render, 1)
        if isinstance(found, str):
            continue
        keys = {render.key(at - 1) for at in found[0] if at} - {None}
        ours = {at for at in range(low + 1, start + 1) if full.key(at - 1) in keys}
        if (
            ours and render.text[min(found[0]) : max(found[0])].isspace()
        ):  # blanks may be on either side here too
            ours |= set(range(max(low, len(full.text[: min(ours)].rstrip())), min(ours)))
        if ours:
            return ours
    return set()


def end_only(view: View, full: Trace, k: int) -> set[Key]:
    """Return the literals that only the end of a conversation prints: a header that nobody asked for."""
    prompt, bare = view.render(view.messages[:k], True), view.render(view.messages[:k])
    own = full.own(k)
    if bare is None or k == 0 or not own or view.messages[k - 1].get("role") == view.messages[k].get("role"):
        return set()
    if prompt is not None and prompt.text.rstrip() != bare.text.rstrip():
        return set()  # the flag is heeded
    start = own[0][0]
    p, f, message = anchor(bare, full, k, start)
    if message is None:
        return set()
    run = f
    while run < start and full.at(run) == message:
        run += 1
    closed = common_prefix(bare.text[p:], full.text[f:run])
    printed = {
        key
        for at in range(p + closed, len(bare.text))
        if bare.at(at) in (message, None) and (key := bare.key(at)) is not None
    }
    return printed - full.keys(f, start)
