"""`python -m tests.corpus [--update] [PART]`: fix every real template, say what changed against the golden table."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from rich.progress import track

from tests.conftest import corpus
from tests.corpus.table import GOLDEN, Row, load, row, same, save, summary


def main(words: list[str]) -> int:
    """Run the corpus; exit with 1 if a row differs from the golden table and is not to be updated."""
    update = "--update" in words
    parts = [word for word in words if not word.startswith("-")]
    items = [
        (name, source)
        for name, source in corpus().items()
        if all(part.lower() in name.lower() for part in parts)
    ]
    with ProcessPoolExecutor(2) as pool:
        rows: list[Row] = list(track(pool.map(row, items), "fixing", total=len(items)))
    print(summary(rows))
    before = load() if GOLDEN.exists() else {}
    changed = [each for each in rows if each.name not in before or not same(each, before[each.name])]
    for each in changed:
        old = before.get(each.name)
        was = f"{old.status} {old.method}" if old else "new"
        print(f"{each.name}: {was} -> {each.status} {each.method} {each.reason}")
    if update:
        save([*{**before, **{each.name: each for each in rows}}.values()])
    return 0 if update or not changed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
