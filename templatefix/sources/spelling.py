"""How a JSON string is escaped, learned from an old value so that a new one looks the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_UNIT = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
_ESCAPED_WIDE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])")
_HTML = "<>&"  # Go, and `json_script` of web frameworks, escape all three or none


@dataclass(frozen=True, slots=True)
class Spelling:
    """The escaping style of one JSON string.

    Args:
        known (`Mapping[str, str]`): Each character of the old value, and how it was written first.
        ascii_only (`bool`): Whether other characters after `~` are written as `\\uXXXX`.
        html (`bool`): Whether `<`, `>` and `&` are written as `\\uXXXX`.
        upper (`bool`): Whether hexadecimal digits are upper case.
    """

    known: Mapping[str, str]
    ascii_only: bool = False
    html: bool = False
    upper: bool = False

    @classmethod
    def of(cls, literal: str, text: str) -> Spelling:
        """Learn the style of a value.

        Args:
            literal (`str`): The value as written, without its quotes.
            text (`str`): The file it stands in, without a byte order mark. It is asked where the value
                itself holds ASCII only.
        """
        known: dict[str, str] = {}
        for unit in dict.fromkeys(_UNIT.findall(literal)):
            known.setdefault(json.loads(f'"{unit}"') if unit[0] == "\\" else unit, unit)
        # A lone surrogate can only be escaped, so it says nothing of the style.
        wide = [unit for char, unit in known.items() if not char.isascii() and not _lone(char)]
        evidence = "".join(wide) or text
        escapes = [unit[2:] for unit in known.values() if unit.startswith("\\u")]
        return cls(
            known,
            ascii_only=evidence.isascii() and bool(_ESCAPED_WIDE.search(evidence)),
            html=any(known.get(char, char) != char for char in _HTML),
            upper=any(unit != unit.lower() for unit in escapes),
        )

    def encode(self, value: str) -> str:
        """Return `value` as the inside of a JSON string."""
        return value.translate({ord(char): self._spell(char) for char in set(value)})

    def _spell(self, char: str) -> str:
        if char in self.known:
            return self.known[char]
        if char in _HTML and self.html:
            return self._hex(f"\\u{ord(char):04x}")
        if _lone(char) or (self.ascii_only and char > "~"):
            return self._hex(json.dumps(char)[1:-1])
        return json.dumps(char, ensure_ascii=False)[1:-1]

    def _hex(self, escape: str) -> str:
        return escape.upper().replace("\\U", "\\u") if self.upper else escape


def _lone(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"
