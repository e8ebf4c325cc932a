"""`templatefix strip`."""

from __future__ import annotations

from templatefix.cli.exits import Exit
from templatefix.cli.fix import InPlace, Out
from templatefix.cli.options import Targets, hint, read
from templatefix.errors import UsageError
from templatefix.model import unified_diff


def command(targets: Targets, in_place: InPlace = False, output: Out = None) -> Exit:
    """Take generation markers out again; prints the diff unless told where to write."""
    from templatefix import sources
    from templatefix.stripping import strip

    if output is not None and (in_place or len(targets) != 1):
        raise UsageError("-o goes with one target and without --in-place", cure="choose one of them.")
    templates = [template for target in targets for template in read(target)]
    changes = [(template, strip(template)) for template in templates]
    if output is not None:
        hint(f"written: {sources.write_to(output, targets[0], changes)}")
    elif in_place:
        for path in sources.write_back(changes):
            hint(f"written: {path}")
    else:
        for template, after in changes:
            print(unified_diff(template.source, after, template.label, template.label), end="")
    return Exit.FINE
