"""Spans of a render: joined, printed, and the markers they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from templatefix.model import Rendered, Span


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that touch or overlap."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def line_of(rendered: Rendered, spans: Sequence[Span]) -> int:
    """The line of the marker that made the first of some spans; 0 if it is not known."""
    found = (
        line
        for span in spans[:1]
        for own, line in zip(rendered.spans, rendered.lines, strict=False)
        if own.overlaps(span)
    )
    return next(found, 0)


def texts_of(text: str, spans: Iterable[Span]) -> str:
    """The texts of spans, in order."""
    return " … ".join(span.of(text) for span in spans)
