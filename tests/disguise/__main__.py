"""Compare what templatefix says of real templates and of the same templates in disguise.

`python -m tests.disguise [--most N] [--seed S] [--verify|--fix] [--blank-lines] [WORD …]` takes the templates whose
name holds one of the words, or N of them drawn at random. `--verify` compares outcomes of `templatefix.verify` on
templates with markers: those that come with markers, and patches of the others. `--fix` compares status and method of
`templatefix.fix`. It exits with 1 if any differs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import templatefix
from templatefix.errors import TemplateFixError
from templatefix.model import Template
from templatefix.syntax import is_marked, parse
from tests.conftest import corpus
from tests.disguise.compare import Judge, Result, compare, patch, verdict
from tests.disguise.rewrites import BLANK_LINES, KINDS


def drawn(words: Sequence[str], most: int | None, seed: str) -> list[str]:
    """Return names of templates, in an order that the seed decides."""
    found = [name for name in corpus() if not words or any(word.lower() in name.lower() for word in words)]
    random.Random(seed).shuffle(found)
    return found[:most]


def marked(name: str) -> str:
    """Return a template with markers: as it is, or patched; `''` if it is refused."""
    source = corpus()[name]
    if is_marked(parse(source).tree):
        return source
    outcome = templatefix.fix(Template.from_source(source))
    return outcome.after if outcome.status == "patched" else ""


def results(names: Sequence[str], judge: Judge, seed: str, kinds: Sequence[str]) -> Iterator[Result]:
    """Compare templates one after another; a template that templatefix rejects is skipped."""
    for name in names:
        try:
            source = marked(name) if judge is verdict else corpus()[name]
            skipped = Result(name, reason="templatefix refuses to patch it")
            yield compare(name, source, judge, seed, kinds) if source else skipped
        except TemplateFixError as error:
            yield Result(name, reason=f"{type(error).__name__}: {error}")


def summary(found: Sequence[Result]) -> str:
    """Return counts of templates, of kinds of disguise, and of verdicts before and after."""
    judged = [result for result in found if result.before]
    lines = [f"{len(judged)} of {len(found)} templates compared"]
    for reason, count in Counter(result.reason for result in found if not result.before).most_common():
        lines.append(f"  skipped {count}: {reason}")
    applied = Counter(kind for result in judged for kind in result.applied)
    left_out = Counter(kind for result in found for kind in result.left_out)
    lines.append(f"{'kind':12} {'applied':>8} {'left out':>9}")
    lines += [
        f"{kind:12} {applied[kind]:8} {left_out[kind]:9}"
        for kind in (*KINDS, *BLANK_LINES)
        if applied[kind] or left_out[kind]
    ]
    lines.append(f"{'before':18} {'after':18} {'templates':>9}")
    for (before, after), count in Counter((each.before, each.after) for each in judged).most_common():
        lines.append(f"{before:18} {after:18} {count:9}")
    lines.append(f"changed: {sum(result.changed for result in judged)} of {len(judged)}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Compare templates, print what differs, and return 1 if a verdict changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.disguise", description=__doc__)
    parser.add_argument("--most", type=int, help="number of templates; all by default")
    parser.add_argument("--seed", default="1", help="seed of the disguises and of the choice of templates")
    parser.add_argument("--verify", action="store_true", help="compare templatefix.verify; the default")
    parser.add_argument("--fix", action="store_true", help="compare templatefix.fix")
    parser.add_argument("--blank-lines", action="store_true", help="print blank lines and indentation too")
    parser.add_argument("words", nargs="*", help="words in the names of the templates")
    asked = parser.parse_args(arguments)
    if asked.verify and asked.fix:
        parser.error("choose one of --verify and --fix")
    kinds = [*KINDS, *(BLANK_LINES if asked.blank_lines else ())]
    found = []
    names = drawn(asked.words, asked.most, asked.seed)
    for result in results(names, patch if asked.fix else verdict, asked.seed, kinds):
        found.append(result)
        if result.left_out:
            print(
                f"{result.name}: left out, for the text would change: {', '.join(result.left_out)}",
                flush=True,
            )
        if not result.before:
            print(f"{result.name}: skipped: {result.reason}", flush=True)
        if result.changed:
            causes = ", ".join(result.causes) or f"only together: {', '.join(result.applied)}"
            words = [*result.words[:4], *(["..."] if result.words[4:] else [])]
            causes += f" ({'; '.join(words)})" if words else ""
            print(
                f"{result.name}: {result.before} -> {result.after}: by {causes}: {result.reason}", flush=True
            )
    print(summary(found))
    return 1 if any(result.changed for result in found) or not any(result.before for result in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
