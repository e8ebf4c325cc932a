"""Conversations of which nothing is learned: each answer is inside a span all the same, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix.errors import RenderError
from templatefix.judge.spans import line_of, merged
from templatefix.model import Check, Claim, Rendered, Span
from templatefix.oracle import Expectation, Oracle
from templatefix.probes import Probe, Variation
from templatefix.render import Renderer


def varied(found: Sequence[Variation], before: Renderer, after: Renderer) -> Iterator[Check]:
    """Judge variations of probes: the same text, own texts inside, texts of others outside.

    Args:
        found (`Sequence[Variation]`): The conversations.
        before ([`Renderer`]): The template before it was patched.
        after ([`Renderer`]): The template with markers.
    """
    for each in found:
        probe = each.probe
        plain = before.text(probe.messages, **probe.arguments)
        like = each.like
        if plain is None or (like and before.text(like.messages, **like.arguments) != plain):
            continue  # it does not render, or the role is another one
        try:
            shown = after.render(probe.messages, **probe.arguments)
        except RenderError as error:
            yield Check(
                Claim.SAME_TEXT, probe.name, "fails", plain, error.what, "the patched template raises"
            )
            continue
        if shown.text != plain:
            detail = "the rendered text differs from the original's"
            yield Check(Claim.SAME_TEXT, probe.name, "fails", plain, shown.text, detail)
            continue
        yield next(_misplaced(probe, shown), Check(Claim.EXACT_SPAN, probe.name, "holds"))


def _misplaced(probe: Probe, shown: Rendered) -> Iterator[Check]:
    spans = merged(shown.spans)
    for turn in probe.turns:
        for text in turn.texts:
            if shown.text.count(text) != 1:
                continue
            place = Span(shown.text.index(text), shown.text.index(text) + len(text))
            if turn.role == "assistant" and not any(
                span.start <= place.start and place.end <= span.end for span in spans
            ):
                detail = f"{text!r}, which the assistant says, is not marked"
                yield Check(Claim.EXACT_SPAN, probe.name, "fails", text, "", detail, fault="turn-unmarked")
            around = [span for span in spans if span.overlaps(place)]
            if turn.role != "assistant" and around:
                detail = f"{text!r}, which the {turn.role} says, is marked"
                line = line_of(shown, around)
                yield Check(Claim.NO_LEAK, probe.name, "fails", "", text, detail, line, "other-role-trained")


def strange_headers(
    oracle: Oracle, expectation: Expectation, shown: Rendered, spans: Sequence[Span]
) -> Iterator[Check]:
    """Judge that what opens another role's messages is in no span, but where the assistant wrote it itself.

    Args:
        oracle ([`Oracle`]): What was learned of the template.
        expectation ([`Expectation`]): The conversation.
        shown ([`Rendered`]): Its render.
        spans (`Sequence[Span]`): What is marked in it.
    """
    own = [header.strip() for header in oracle.headers.texts]
    known = [lead.strip() for lead in oracle.closings.leads.values()]
    leads = {
        role: lead.strip()
        for role, lead in oracle.closings.leads.items()
        if role in ("user", "system", "tool") and any(map(str.isalpha, lead))
        if lead.strip() not in oracle.closings.terminator  # the model may stop with what opens a question
        if not any(
            each != lead.strip() and each.endswith(lead.strip()) for each in known
        )  # it opens all messages
        if not any(lead.strip() in each or each in lead for each in own)
    }
    said = [text for turn in expectation.probe.turns if turn.role == "assistant" for text in turn.texts]
    for span in spans:
        text = span.of(shown.text)
        for one in said:
            text = text.replace(one, "")
        for role, lead in leads.items():
            if lead in text:
                detail = f"what opens a message of the role {role!r} is marked"
                line, name = line_of(shown, [span]), expectation.probe.name
                yield Check(Claim.NO_LEAK, name, "fails", "", lead, detail, line, "other-role-trained")
