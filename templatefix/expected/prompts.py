"""A generation prompt, laid over a render in which the turn that it opens is printed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from templatefix.analysis import Trace, View
from templatefix.expected.texts import common_prefix, indent_of, last_end


@dataclass(frozen=True, slots=True)
class Laid:
    """A generation prompt over a render, behind the last message before the turn that both print.

    Args:
        prompt (`Trace`): The render that ends with the prompt.
        bare (`Trace`, *optional*): The same messages without a prompt; `None` if the template raises.
        at (`int`): Offset in its text from which on the two are compared.
        over (`int`): The offset in the other render.
        closed (`int`): Length of what closes the message before the turn.
        shared (`int`): Length of what both print.
    """

    prompt: Trace
    bare: Trace | None
    at: int
    over: int
    closed: int
    shared: int

    @property
    def text(self) -> str:
        """The text of the prompt that is compared."""
        return self.prompt.text[self.at :]

    @property
    def rest(self) -> str:
        """The text of the prompt that the other render does not print."""
        return self.text[self.shared :]

    def opens(self, length: int) -> bool:
        """Whether the first characters print more than what closes the message before the turn."""
        return bool(self.text[self.closed : length].strip())


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


def lay(prompt: Trace, bare: Trace | None, full: Trace, k: int, before: int, until: int) -> Laid:
    """Lay a prompt over a render.

    Whitespace before the header that only one of the two prints is skipped.

    Args:
        prompt (`Trace`): The messages before the turn, with a generation prompt.
        bare (`Trace`, *optional*): The same without one; `None` if that raises.
        full (`Trace`): The render in which the turn is printed.
        k (`int`): Index of the turn's message.
        before (`int`): Offset before which the earlier messages are printed.
        until (`int`): Where the comparison ends in `full`.
    """
    at, over, message = anchor(prompt, full, k, before)
    asked, given = prompt.text[at:], full.text[over:until]
    shared = closed = common_prefix(asked, given)
    if bare is None:
        closed = 0
    elif prompt.text != bare.text:
        closed = common_prefix(asked, bare.text[anchor(bare, full, k, before)[0] :])
    else:  # the flag changes nothing
        closed = next(
            (
                length
                for length in range(shared)
                if full.at(over + length) != message or over + length >= before
            ),
            shared,
        )
    laid = Laid(prompt, bare, at, over, closed, shared)
    return _aligned(laid, given) if shared >= closed else laid


def _aligned(laid: Laid, given: str) -> Laid:
    """Skip whitespace before the header that only the prompt, or only the turn, prints."""
    ours, theirs = indent_of(laid.text[laid.closed :]), indent_of(given[laid.closed :])
    if ours == theirs or laid.shared > laid.closed + min(ours, theirs):
        return laid
    at, over = laid.closed + ours, laid.closed + theirs
    shared = common_prefix(laid.text[at:], given[over:])
    if not shared:
        return laid
    return replace(laid, at=laid.at + at, over=laid.over + over, closed=0, shared=shared)


def plain_part(view: View, k: int, laid: Laid) -> int:
    """Return how much of the prompt a plain answer in the middle prints: the rest is a prefill."""
    answer = {**view.analysis.answer, "role": view.messages[k].get("role")}
    for rest in ([view.analysis.ask], []):
        render = view.render([*view.messages[:k], answer, *rest])
        if render is None or not render.own(k):
            continue
        start = render.own(k)[0][0]
        plain = lay(laid.prompt, laid.bare, render, k, start, start)
        return max(0, plain.at + plain.shared - laid.at) if plain.over + plain.shared == start else 0
    return 0


def role_header(view: View) -> str:
    """Return the header of a plain answer to a plain question, without a prefill."""
    analysis = view.analysis
    key = repr(sorted(view.options.items(), key=str))
    if key not in analysis.role_headers:
        plain = analysis.view([analysis.ask, analysis.answer], None, view.options)
        analysis.role_headers[key] = _find_role_header(plain)
    return analysis.role_headers[key]


def _find_role_header(view: View) -> str:
    prompt, bare = (view.render(view.messages[:1], asked) for asked in (True, False))
    full = view.full
    if prompt is None or bare is None or full is None or prompt.text == bare.text or not full.own(1):
        return ""
    start = full.own(1)[0][0]
    laid = lay(prompt, bare, full, 1, start, start)
    return laid.text[laid.closed : plain_part(view, 1, laid)]
