"""Perturbations: conversations of which nothing is inferred. A turn whose span is not known is judged by origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from templatefix.expected import Expectation
from templatefix.model import Check, Claim, Rendered, Span
from templatefix.render.spans import line_of, merged


def misplaced(expectation: Expectation, shown: Rendered, spans: Sequence[Span]) -> Iterator[Check]:
    """Judge a conversation whose spans are not known: own texts inside, texts of others outside.

    Args:
        expectation (`Expectation`): The conversation.
        shown (`Rendered`): Its render.
        spans (`Sequence[Span]`): What is marked in it.
    """
    trace, name = expectation.trace, expectation.probe.name
    spans = merged(spans)
    for message in expectation.trained:
        for place in (Span(*each) for each in (trace.own(message) if trace else [])):
            text = place.of(shown.text)
            if text.strip() and not any(span.holds(place) for span in spans):
                detail = f"{text!r}, which the assistant says, is not marked"
                yield Check(Claim.EXACT_SPAN, name, "fails", text, "", detail, fault="turn-unmarked")
                return
    for place in (Span(*each) for each in expectation.foreign()):
        around = [span for span in spans if span.overlaps(place)]
        if around:
            text, line = place.of(shown.text), line_of(shown, around)
            detail = f"{text!r}, which another role says, is marked"
            yield Check(Claim.NO_LEAK, name, "fails", "", text, detail, line, "other-role-trained")
            return
