"""The text of a pull request: what changes, how it was proven, what it may break, how to see for oneself."""

from __future__ import annotations

from collections.abc import Iterator

from templatefix import __version__
from templatefix.model import MARKED, Evidence, Plan, unified_diff
from templatefix.report import conversation
from templatefix.report.markdown import code, fenced, plain
from templatefix.report.verdict import claims
from templatefix.syntax import is_marked, parse

_FENCE = "```"
_MOST = 40_000
"""Characters of diffs and samples: a comment of 65,536 is the most that is commonly taken."""


def write(plan: Plan) -> str:
    """Return the description of a commit or pull request, as Markdown.

    Args:
        plan (`Plan`): What is pushed.
    """
    return "\n".join(_lines(plan)) + "\n"


def table(evidence: Evidence) -> str:
    """Return the outcome of each claim as a Markdown table."""
    rows = [f"| {claim} | {outcome} | {rest} |" for claim, outcome, rest in claims(evidence.verdict)]
    return "\n".join(["| claim | outcome | evidence |", "|---|---|---|", *rows])


def _lines(plan: Plan) -> Iterator[str]:
    yield (
        "TRL's `assistant_only_loss=True` trains on what the chat template puts between `{% generation %}` and "
        "`{% endgeneration %}`, and without markers on nothing."
    )
    yield ""
    if plan.training_file:
        does = "replaces" if any(file.before is not None for file in plan.files) else "adds"
        yield (
            f"This {does} `{plan.training_file}`: the template with markers, for training alone "
            f"(`SFTConfig(chat_template_path=…)`). The template in use stays as it is."
        )
    else:
        names = ", ".join(code(file.name) for file in plan.files)
        marked = any(is_marked(parse(each.template.source).tree) for each in plan.evidence)
        does = "corrects" if marked else "adds"
        yield f"This {does} the markers in {names}; no other file or value is touched. {_text(plan)}"
    if plan.left:
        names = ", ".join(code(name) for name in plan.left)
        yield f"\nThese templates stay as they are, for no patch of them could be proven: {names}."
    if plan.stale:
        yield f"\nIt is in place of {', '.join(f'#{number}' for number in plan.stale)}, which conflicts by now."
    for each in plan.evidence:
        yield from _evidence(each, _MOST // (2 * len(plan.evidence)))
    if risks := dict.fromkeys(risk for each in plan.evidence for risk in each.risks):
        yield "\n## Inference\n"
        yield from (f"- {risk}" for risk in risks)
    yield from _reproduce(plan)


def _evidence(evidence: Evidence, most: int) -> Iterator[str]:
    template, verdict = evidence.template, evidence.verdict
    probes = {check.probe for check in verdict.checks}
    yield f"\n## Template {code(template.name)}\n"
    yield f"Found by: {evidence.how}. Judged on {len(probes)} conversations ({verdict.policy}).\n"
    yield table(evidence)
    # by the name of the file alone: what lies above it is the author's own affair
    label = template.label.rpartition(template.origin.place)[2]
    file = template.origin.place.replace("\\", "/").rpartition("/")[2]
    if diff := unified_diff(template.source, evidence.after, f"{file}{label}", f"{file}{label}"):
        yield "\n" + fenced(diff, "diff", most)
    for note in verdict.notes:
        yield f"\nNote: {plain(note.text)}"
    if evidence.sample:
        yield "\nA conversation, its trained text in ⟦ ⟧:\n"
        yield fenced(conversation.write(evidence.sample), "text", most)


def _text(plan: Plan) -> str:
    """What becomes of the text that is rendered, and how far that is known."""
    if any(each.declared for each in plan.evidence):
        return "What the template renders changes, as noted below."
    if all(each.verdict.proven for each in plan.evidence):
        return "What the template renders stays the same, for every conversation."
    return "What the template renders is the same on every conversation that was tried."


def _reproduce(plan: Plan) -> Iterator[str]:
    yield f"\n## See for yourself\n\n{_FENCE}sh\npip install templatefix=={__version__}"
    declared = any(each.declared for each in plan.evidence)
    if plan.base and not any(each.how == MARKED for each in plan.evidence):  # that was the author's own work
        options = " --variant training" if declared else ""
        options += " --allow capture-all" if any(each.how == "capture-all" for each in plan.evidence) else ""
        base = f"{plan.repo}@{plan.base}"
        ask = f"push {base} --training-file {plan.training_file}" if plan.training_file else f"fix {base}"
        yield f"templatefix {ask}{options}  # prints this diff, and changes nothing"
    if not plan.training_file:
        original = f" --original {plan.repo}@{plan.base}" if plan.base and not declared else ""
        pulled = plan.action in ("open", "update")
        where = f"refs/pr/{plan.pull or 'N'}" if pulled else plan.revision
        yield f"templatefix verify {plan.repo}@{where}{original}"
    yield _FENCE
