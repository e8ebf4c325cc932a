"""What a message begins with before its text, role by role: what stands before that closes the message before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os.path import commonprefix

from templatefix.oracle.headers import Headers
from templatefix.oracle.texts import bracketed, whole_after
from templatefix.oracle.views import View


def learn(views: Sequence[View], headers: Headers) -> dict[str, str]:
    """Return what each role's messages begin with, as far as it is certain.

    It is what stands before a role's text where nothing has been said before, or always, or what another role's
    messages begin with but for the role's name. The assistant's is its header.

    Args:
        views (`Sequence[View]`): The probes of one template.
        headers (`Headers`): What opens assistant turns.
    """
    opening: dict[str, set[str]] = {}
    for role, lead in (pair for view in views for pair in _openings(view)):
        opening.setdefault(role, set()).add(lead.rstrip())  # some templates strip what follows
    if headers.texts and any(view.heeds(turn) for view in views for turn in view.probe.assistant[:1]):
        opening["assistant"] = set(headers.texts[:1])
    # Without a word in it, it does not tell where the text before it ends.
    once = {role: lead for role, (lead, *more) in opening.items() if lead.strip() and not more}
    found = {**once, **_always(views)}
    found |= _likened(found, views)
    own = found.get("assistant", "").rstrip()
    if header := next((each for each in headers.texts if own and each.rstrip().endswith(own)), ""):
        found["assistant"] = header[header.rindex(own) :]
    return found


def opening(view: View) -> str:
    """Return what a conversation begins with, but for what begins all of them.

    Args:
        view (`View`): A probe.
    """
    begun = (view.full or "").removeprefix(view.upto(0, False) or "")
    return begun.removeprefix(str(view.renderer.variables.get("bos_token") or ""))


def before_questions(views: Sequence[View], closings: Sequence[str]) -> str:
    """Return what stands before every plain question, closings of other turns aside; empty if that is nothing.

    Args:
        views (`Sequence[View]`): The probes of one template.
        closings (`Sequence[str]`): What closes turns.
    """
    text = _shared_end([each for view in views if not view.probe.tools for each in windows(view, "user")])
    for closing in filter(str.strip, closings):
        text = text.rpartition(closing.strip())[2].strip()
    return text if bracketed(text) or "user" in text.lower() else ""


def _shared_end(texts: Sequence[str]) -> str:
    """What texts end with in common, from where a token or a word begins in all of them."""
    texts = [text.rstrip() for text in texts]
    length = len(commonprefix([text[::-1] for text in texts]))  # noqa: RUF071 - of characters
    while (
        length and (less := min(len(text) - whole_after(text, len(text) - length) for text in texts)) < length
    ):
        length = less
    return texts[0][len(texts[0]) - length :].strip() if texts else ""


def windows(view: View, role: str) -> Iterator[str]:
    """Yield what stands before plain texts of a role, from the text before it on.

    Args:
        view (`View`): A probe.
        role (`str`): The role.
    """
    full = view.full
    places = view.located(full) if full else []
    for turn, place in enumerate(places):
        before = places[turn - 1] if turn else (0, 0)
        wanted = view.probe.turns[turn].role == role and view.plain(turn) and not view.padding(turn)
        if full and place and before and wanted:
            yield full[before[1] : place[0]]


def _openings(view: View) -> Iterator[tuple[str, str]]:
    """The role that opens a conversation, and what stands before its plain text, what opens all of them aside."""
    full = view.full
    place = view.located(full)[0] if full else None
    plain = view.probe.turns[0].role != "assistant" and (view.plain(0) or view.plain(0, parts=True))
    if full and place and plain and not view.probe.tools and not view.probe.options:
        lead = opening(view)[: place[0] - len(full)].removesuffix(view.padding(0))
        if any(text in lead for turn in view.probe.turns for text in turn.texts):
            return  # a later message is printed before it
        yield view.probe.turns[0].role, lead


def _always(views: Sequence[View]) -> dict[str, str]:
    """What stands before every plain text of a role, where no other text is before it too.

    With more than one bracketed token in it, it may begin with the end of the turn before, unless conversations
    begin with the first of them.
    """
    begun = {first for view in views for first in bracketed(opening(view))[:1]}
    bos = str(views[0].renderer.variables.get("bos_token") or "") if views else ""
    found: dict[str, str] = {}
    for role in sorted({turn.role for view in views for turn in view.probe.turns} - {"assistant"}):
        before = [window for view in views if not view.probe.tools for window in windows(view, role)]
        first = any(view.probe.turns[0].role == role and any(windows(view, role)) for view in views)
        lead = _shared_end(before).removeprefix(bos) if first else ""
        tokens = bracketed(lead)
        whole = all(window.rstrip().removesuffix(lead)[-1:].strip() == "" for window in before)
        if (
            len(tokens) == 1
            or set(tokens[:1]) & begun
            or (lead and not tokens and whole and role in lead.lower())
        ):
            found[role] = lead
    return found


def _likened(known: Mapping[str, str], views: Sequence[View]) -> dict[str, str]:
    """What stands before every text of a role and is the lead of one that opens conversations, but for its name."""
    found: dict[str, str] = {}
    for role in ("user", "assistant", "tool"):
        before = [window for view in views for window in windows(view, role)]
        likes = [
            lead.replace(other, role)
            for other, lead in known.items()
            if other != "assistant" and lead.count(other) == 1
        ]
        fitting = [like for like in likes if before and all(each.rstrip().endswith(like) for each in before)]
        found |= {role: min(fitting, key=lambda like: (len(like), like))} if fitting else {}
    return found
