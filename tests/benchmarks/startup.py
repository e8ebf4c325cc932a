"""How long `templatefix audit FILE` takes, against importing what it stands on. Run it by hand; it asserts nothing.

python tests/benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "fixtures" / "templates" / "branches.jinja"
OURS = [sys.executable, "-m", "templatefix", "audit", str(TEMPLATE)]
BASE = [sys.executable, "-c", "import jinja2, typer, rich"]
# From 0.29 on, typer loads pydantic once a command has a parameter: what any command line built on it pays.
BARE = [sys.executable, "-c", "import jinja2, typer, rich\ndef run(name: str): pass\ntyper.run(run)", "x"]


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def main(rounds: int = 15) -> None:
    commands = (OURS, BASE, BARE)
    rows = [[seconds(command) for command in commands] for _ in range(rounds + 1)][1:]
    ours, base, bare = (statistics.median(column) for column in zip(*rows, strict=True))
    to_base, to_bare = (statistics.median(row[0] / row[other] for row in rows) for other in (1, 2))
    print(
        f"audit {ours:.3f} s; imports {base:.3f} s, ratio {to_base:.2f}; bare command {bare:.3f} s, ratio {to_bare:.2f}"
    )


if __name__ == "__main__":
    main()
