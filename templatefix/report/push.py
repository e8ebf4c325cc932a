"""A push, or what it would be, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from templatefix.model import Plan, Pushed
from templatefix.report.snippet import visible
from templatefix.report.verdict import write_verdict

_DOES = {
    "open": "open a pull request",
    "update": "add a commit to your open pull request",
    "commit": "commit to the branch, without a pull request",
    "create": "put all files of the tokenizer into a new repository",
}


def write(result: Pushed) -> str:
    """Return the diff, the evidence for each template, and what the markers may break.

    Args:
        result (`Pushed`): What `push` returned.
    """
    plan = result.plan
    if plan.action in ("refuse", "nothing"):
        return ""
    shown = plan.diff() if plan.action != "create" else "".join(_file(plan))
    # what a JSON file's one long line holds is for nobody to read
    texts = [f"\n{each.diff()}" for each in plan.evidence if each.in_json and not plan.training_file]
    parts = [shown, *texts, *(f"\n{write_verdict(each.template, each.verdict)}" for each in plan.evidence)]
    if risks := dict.fromkeys(risk for each in plan.evidence for risk in each.risks):
        parts.append("\ninference:\n" + "".join(f"  {risk}\n" for risk in risks))
    return "".join(parts)


def summary(result: Pushed) -> Iterator[str]:
    """Yield lines that say who does what to which repository, and what came of it."""
    plan = result.plan
    if plan.action == "refuse":
        first, *more = plan.reason.split("\n")
        yield f"refused, nothing is pushed: {visible(first)}"
        yield from (f"  {visible(line)}" for line in more)
        return
    if plan.action == "nothing":
        yield f"nothing to push: {plan.reason}"
        return
    if not result.sha:
        yield (
            f"you are {plan.user}" if plan.user else "you are not logged in: `hf auth login` before you push"
        )
        if plan.at_commit:
            yield f"{plan.repo} at {plan.base}: a commit cannot be pushed to: name a branch"
        else:
            yield f"--yes would {_does(plan)}"
            yield f'  "{plan.title}"'
        yield from _besides(plan)
        return
    yield f"pushed as {plan.user}: {result.url}"
    outcomes = ", ".join(verdict.outcome for verdict in result.verdicts)
    yield f"read back at {result.sha}, and judged again: {outcomes}"
    yield from _besides(plan)


def _besides(plan: Plan) -> Iterator[str]:
    if plan.left:
        yield from (f"left as it is: {visible(line)}" for line in plan.reason.split("\n"))
    for number in plan.stale:
        yield f"your pull request {number} conflicts with {plan.revision} by now: close it"


def _does(plan: Plan) -> str:
    number = f" {plan.pull}" if plan.pull else ""
    if plan.action == "create":
        seen = "public" if plan.parent else "public unless your organization's are not"
        seen = "private" if plan.private else seen
        return f"{_DOES[plan.action]}: {plan.repo}, {seen}"
    base = f" at {plan.base}" if plan.base else ""
    return f"{_DOES[plan.action]}{number}: {plan.repo}, {plan.revision}{base}"


def _file(plan: Plan) -> Iterator[str]:
    for file in plan.files:
        yield f"+ {visible(file.name)} ({len(file.after)} bytes)\n"
