"""One patch of the registry, and how it applies to a template."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from templatefix.edits import Newlines, apply
from templatefix.errors import RegistryError
from templatefix.model import Candidate, Change, Edit, Safety, Span


@dataclass(frozen=True, slots=True)
class Anchor:
    """One edit: a text that must stand exactly once in the template, and what replaces it.

    Args:
        find (`str`): The text.
        put (`str`): What replaces it.
        line (`int`): The 1-based line of the patch file it was read from; 0 if from none.
    """

    find: str
    put: str
    line: int = 0

    def stands_once(self, text: str) -> bool:
        """Whether `find` is in a text exactly once; occurrences that overlap are two."""
        return text.find(self.find) == text.rfind(self.find) != -1


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch for one family of templates.

    Args:
        family (`str`): Its name, the stem of its file.
        models (`tuple[str, ...]`): Hub ids it was written for, `*` for any part.
        why (`str`): What is particular in this family's templates.
        seen (`tuple[str, ...]`): sha256 of the pristine templates it was reviewed on, newlines normalised.
        edits (`tuple[Anchor, ...]`): What it does.
        path (`Path`): The file it was read from.
        changes (`tuple[Change, ...]`): Where the text is meant to differ; the patch is for those who ask for it.
    """

    family: str
    models: tuple[str, ...]
    why: str
    seen: tuple[str, ...]
    edits: tuple[Anchor, ...]
    path: Path
    changes: tuple[Change, ...] = ()

    @property
    def safety(self) -> Safety:
        """`SAFE` where the text stays, `UNSAFE` where it changes as declared."""
        return Safety.UNSAFE if self.changes else Safety.SAFE

    def knows(self, source: str) -> bool:
        """Whether the patch was reviewed on this very template."""
        return digest(source) in self.seen

    @property
    def size(self) -> int:
        """How many characters of a template it asks for."""
        return sum(len(anchor.find) for anchor in self.edits)

    def fits(self, source: str) -> bool:
        """Whether each anchor stands exactly once in the template, apart from the others."""
        try:
            self.candidate(source)
        except RegistryError:
            return False
        return True

    def candidate(self, source: str) -> Candidate:
        """Apply the patch to a template that it fits.

        Raises:
            RegistryError: An anchor fits twice or not at all, or two overlap; names the anchor's line.
        """
        text = Newlines.of(source).normal
        edits: list[Edit] = []
        for anchor in self.edits:
            if not anchor.stands_once(text):
                stands = "stands more than once" if anchor.find in text else "is not"
                raise self._misfit(anchor, f"the `find` of this [[edit]] {stands} in this template")
            start = text.index(anchor.find)
            edit = Edit(Span(start, start + len(anchor.find)), anchor.put)
            if any(edit.span.overlaps(other.span) for other in edits):
                raise self._misfit(anchor, "the `find` of this [[edit]] overlaps another's")
            edits.append(edit)
        return Candidate(apply(text, edits), "registry", tuple(sorted(edits)), self.family, self.changes)

    def _misfit(self, anchor: Anchor, what: str) -> RegistryError:
        where = f"{self.path}:{anchor.line}" if anchor.line else str(self.path)
        return RegistryError(
            f"the patch {self.family} does not fit: {what}",
            where=where,
            cure="each `find` must stand exactly once in the template, apart from the others.",
        )


def digest(source: str) -> str:
    """Return the sha256 of a template with its newlines normalised, as `seen` lists it."""
    return hashlib.sha256(Newlines.of(source).normal.encode(errors="surrogatepass")).hexdigest()
