"""Why a template was refused, or patched in just this way: for people, at length."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from templatefix.edits import Newlines
from templatefix.model import Attempt, Outcome, Refusal, RefusalKind, Span
from templatefix.report.snippet import excerpt, visible

_KINDS: dict[RefusalKind, tuple[str, str]] = {
    RefusalKind.EMPTY: (
        "There is no template to patch.",
        "restore it from the repository of the model.",
    ),
    RefusalKind.DOES_NOT_PARSE: (
        "transformers cannot compile this template, so nothing can be rendered with it.",
        "correct the line; transformers raises on it too.",
    ),
    RefusalKind.NOT_A_CHAT_TEMPLATE: (
        "Markers enclose what the assistant says, and this template prints no message.",
        "name the file that holds the chat template of the model.",
    ),
    RefusalKind.TOO_SLOW: (
        "A patch is proven on hundreds of renders, and one short conversation already goes over the limits.",
        "take the loop or the growing text out of the template.",
    ),
    RefusalKind.RENDERS_NOTHING: (
        "A patch is proven on renders, and there is none.",
        "give what is missing a default in the template, as in `{{ name | default('') }}`.",
    ),
    RefusalKind.TEXT_DROPPED: (
        "The assistant's text is in no render, so there is nothing that a marker could enclose.",
        "train with a template that prints the assistant's messages.",
    ),
    RefusalKind.QUOTED_AS_INPUT: (
        "What the assistant says is a question's material here, and the model answers the question: "
        "markers round it would train the model on its input.",
        "give the conversation to be judged as the user's message, and the judgement as the assistant's, to a chat "
        "template.",
    ),
    RefusalKind.AMBIGUOUS: (
        "A patch needs the text that the model itself must write in each turn, and the renders do not tell where that "
        "begins or ends.",
        "write the markers by hand where you know they belong, and read what `templatefix verify` says of them.",
    ),
    RefusalKind.UNTESTED_OUTPUT: (
        "The patch stands on every probe, but an assistant's turn may print an output that no probe reached; it could "
        "go untrained unseen.",
        "take the output out if it is dead, or check the diff by hand and mark it too.",
    ),
    RefusalKind.UNSUPPORTED_SHAPE: (
        "No placement of markers that templatefix knows gives the right mask in this template.",
        "allow the last resort, `templatefix fix --allow capture-all`; or write the markers by hand and check them "
        "with `templatefix verify --original`, and offer the patch to the registry.",
    ),
    RefusalKind.WRONG_MARKERS: (
        "The markers in the template are refuted, and no better ones were proven.",
        "correct the marker that is named and check with `templatefix verify`, or start from the template without "
        "markers: `templatefix strip`.",
    ),
}
_MOST = 8


def write_why(outcome: Outcome, *, width: int = 100) -> str:
    """Return why a template was refused, or which ways to a patch failed before the one that holds.

    Args:
        outcome (`Outcome`): What became of it.
        width (`int`): Cells a line may take.
    """
    heading = f"{visible(outcome.template.label)}: {outcome.status}"
    if outcome.refusal is not None:
        heading += f" ({outcome.refusal.kind})"
        lines = _refused(outcome, outcome.refusal, width)
    elif outcome.status == "correct":
        lines = _paragraph("The markers that it has hold on every probe; there is nothing to do.", width)
    else:
        lines = _patched(outcome, width)
    return "\n".join([heading, *lines]) + "\n"


def _refused(outcome: Outcome, refusal: Refusal, width: int) -> list[str]:
    why, cure = _KINDS[refusal.kind]
    where = f" Line {refusal.line} stands in the way." if refusal.line else ""
    reason = f"{refusal.reason[:1].upper()}{refusal.reason[1:]}."
    lines = _paragraph(f"{why} {reason}{where}", width)
    lines += _shown(outcome.template.source, refusal.line, width)
    lines += _tried(outcome.attempts, width)
    if any(attempt.faults == {"whitespace-trained"} for attempt in outcome.attempts):
        cure += " The only fault of one patch is whitespace after the end of turn, which `templatefix verify` allows."
    return [*lines, *_paragraph(f"Cure: {cure}", width)]


def _patched(outcome: Outcome, width: int) -> list[str]:
    how = f"the registry's patch {outcome.family}" if outcome.family else f"the method {outcome.method}"
    if not outcome.attempts:
        text = f"{how[:1].upper()}{how[1:]} holds, and is the first and most readable way that was tried."
        return _paragraph(text, width)
    text = f"{how[:1].upper()}{how[1:]} holds. More readable ways were tried before it, and led nowhere."
    return [*_paragraph(text, width), *_tried(outcome.attempts, width)]


def _tried(attempts: Sequence[Attempt], width: int) -> list[str]:
    if not attempts:
        return []
    lines = ["  What was tried:"]
    for number, attempt in enumerate(attempts[:_MOST], 1):
        how = (
            f"registry patch {attempt.family}" if attempt.family else attempt.method or "no place for markers"
        )
        check = attempt.check
        text = attempt.reason
        if check is not None:
            text = f"{check.claim} {check.outcome} on the probe {check.probe!r}: {check.detail}"
        where = f" (line {attempt.line})" if attempt.line else ""
        lines += _paragraph(f"{number}. {how}{where}: {text}", width, "    ")
        if check is not None and check.outcome == "fails":
            lines += [
                f"       expected: {_quoted(check.expected)}",
                f"       found:    {_quoted(check.actual)}",
            ]
    left = len(attempts) - _MOST
    return [*lines, f"    … and {left} more"] if left > 0 else lines


def _shown(source: str, line: int, width: int) -> list[str]:
    """The line that stands in the way, as it is in the template."""
    if not line:
        return []
    text = Newlines.of(source).normal
    start = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    gutter = f"    {line} | "
    return [gutter + excerpt(text, Span(start, start), width - len(gutter))[0]]


def _paragraph(text: str, width: int, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        visible(text), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _quoted(text: str, most: int = 160) -> str:
    return repr(text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}")
