"""One row for each real template, and what all rows come to. No text of a template is kept."""

from __future__ import annotations

import difflib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from templatefix.errors import TemplateFixError
from templatefix.fixing import fix
from templatefix.model import Outcome, Template
from templatefix.registry import digest

GOLDEN = Path(__file__).parent / "golden.json"


@dataclass(frozen=True)
class Row:
    """What `fix` made of one template.

    Args:
        name (`str`): Package and file.
        sha (`str`): First 12 digits of the source's sha256.
        marked (`bool`): Whether it came with markers.
        status (`str`): `correct`, `patched`, `refused` or `error`.
        method (`str`): How it was patched.
        proven (`bool`): Whether SAME_TEXT is proven for every conversation.
        added (`int`): Characters added.
        lines (`int`): Lines added and removed.
        kind (`str`): Why it was refused, as a `RefusalKind`.
        reason (`str`): What the judge or the patcher objected to, without text of the template.
        seconds (`float`): How long it took; not part of the golden table.
    """

    name: str
    sha: str
    marked: bool
    status: str
    method: str = ""
    proven: bool = False
    added: int = 0
    lines: int = 0
    kind: str = ""
    reason: str = ""
    seconds: float = 0.0


def row(item: tuple[str, str]) -> Row:
    """Fix one template of the corpus."""
    name, source = item
    start = time.perf_counter()
    marked, sha = "endgeneration" in source, digest(source)[:12]
    try:
        outcome = fix(Template.from_source(source))
    except TemplateFixError as error:
        return Row(name, sha, marked, "error", reason=type(error).__name__)
    diff = list(difflib.ndiff(source.splitlines(), outcome.after.splitlines()))
    return Row(
        name,
        sha,
        marked,
        outcome.status,
        outcome.method or "",
        outcome.verdict.proven,
        len(outcome.after) - len(source),
        sum(line[0] in "+-" for line in diff),
        outcome.refusal.kind if outcome.refusal else "",
        _reason(outcome),
        round(time.perf_counter() - start, 2),
    )


def _reason(outcome: Outcome) -> str:
    """A refusal's reason, cut before anything that quotes the template."""
    told = outcome.reason
    for quoting in (" (expected ", ": it raises", "it prints ", "it raises on every probe conversation: "):
        told = told.partition(quoting)[0]
    return told[:160]


def same(one: Row, other: Row) -> bool:
    """Whether two rows say the same, however long it took and whatever words the reason has."""
    keys = [each.name for each in fields(Row) if each.name not in ("seconds", "reason")]
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def save(rows: Sequence[Row], path: Path = GOLDEN) -> None:
    """Write the golden table: a line for each row, by name."""
    kept = [{key: value for key, value in asdict(each).items() if key != "seconds"} for each in rows]
    lines = ",\n".join(
        json.dumps(each, ensure_ascii=True) for each in sorted(kept, key=lambda each: str(each["name"]))
    )
    path.write_text(f"[\n{lines}\n]\n")


def load(path: Path = GOLDEN) -> dict[str, Row]:
    """Read the golden table, by name."""
    return {each["name"]: Row(**each) for each in json.loads(path.read_text())}


def summary(rows: Sequence[Row]) -> str:
    """What the rows come to, as text."""
    unmarked = [each for each in rows if not each.marked]
    patched = [each for each in unmarked if each.status == "patched"]
    structural = [each for each in patched if each.proven]
    lines = [
        f"{len(rows)} templates: {_counts(each.status for each in rows)}",
        f"{len(unmarked)} without markers: {_counts(each.status for each in unmarked)}",
        f"  by method: {_counts(each.method for each in patched)}",
        f"  structural, same text proven for every conversation: {_share(structural, patched)}",
        f"  added characters: {_spread([each.added for each in patched])}",
        f"  changed lines: {_spread([each.lines for each in patched])}",
        f"  seconds: {_spread([each.seconds for each in rows])}, worst {max(each.seconds for each in rows):.1f}",
        f"refused: {_counts(each.kind for each in rows if each.kind)}",
        f"{len(rows) - len(unmarked)} with markers: {_counts(each.status for each in rows if each.marked)}",
    ]
    return "\n".join(lines)


def _counts(values: Any) -> str:
    return ", ".join(f"{number} {value}" for value, number in Counter(values).most_common())


def _share(some: Sequence[Row], all_: Sequence[Row]) -> str:
    return f"{len(some)} of {len(all_)} ({100 * len(some) / max(len(all_), 1):.1f} %)"


def _spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"median {median(ordered):g}, p90 {ordered[int(len(ordered) * 0.9)]:g}" if ordered else "none"
