"""How long the command line takes to start, against importing what it stands on. Run it by hand; it asserts nothing.

python tests/benchmarks/startup.py [ROUNDS]

Python may write bytecode, as pip and the first run of an installed package do. Where `PYTHONDONTWRITEBYTECODE` is set,
an editable install is compiled in every run, and an audit takes about 0.1 s more.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATE = str(ROOT / "fixtures" / "templates" / "branches.jinja")
BASE = ["-c", "import jinja2, typer, rich.console"]
OURS = ["-c", "from templatefix.cli import main; main()"]  # what the installed script runs
COMMANDS = {
    "--help": [*OURS, "--help"],
    "audit --static": [*OURS, "audit", "--static", TEMPLATE],
    "audit": [*OURS, "audit", TEMPLATE],
    "verify": [*OURS, "verify", TEMPLATE],
    "fix": [*OURS, "fix", TEMPLATE],
    # Since 0.29, typer loads pydantic once a command has a parameter, so every command line on it pays for that.
    "bare typer command": [
        "-c",
        "import jinja2, typer, rich.console\ndef run(name: str): pass\ntyper.run(run)",
        "x",
    ],
}


def seconds(arguments: list[str]) -> float:
    """Return the CPU seconds, user and system, that Python takes with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int = 15) -> None:
    """Print the median CPU seconds of each command, and the median of its ratios to a base run right before it."""
    for name, arguments in COMMANDS.items():
        seconds(arguments)  # the first run may compile bytecode
        pairs = [(seconds(BASE), seconds(arguments)) for _ in range(rounds)]
        base, own = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(own / base for base, own in pairs)
        print(f"{name:20} {own:.3f} s, base {base:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
