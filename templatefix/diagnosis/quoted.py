"""Does a template quote answers as input to another question, as that of a guard, a judge or a reranker does?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from templatefix.diagnosis.case import Case
from templatefix.oracle.texts import bracketed, common_prefix, whole
from templatefix.probes import Probe

_WORD = re.compile(r"\s*(<[^<>\s]+>|\[[^\[\]\s]+\]|\w+|\S+)")


def asked(case: Case, *, opens: bool) -> tuple[str, int] | None:
    """Return what is printed after the last answer, after no other and before none, and by which line.

    Special tokens alone do not count: a sequence may end with one. `None` if there is no such text.

    Args:
        case (`Case`): A refused template.
        opens (`bool`): Whether something always opens the assistant's turn. Then a generation prompt may say more,
            and only what is printed unasked counts.
    """
    for probe in case.plain():
        before, middle = _around_first(case, probe)
        for prompt in (False,) if opens else (False, True):
            traced = case.traced(probe, prompt=prompt)
            end = _end(traced.text, probe) if traced else 0
            if traced is None or not end:
                continue
            end += whole(traced.text[end:], common_prefix(traced.text[end:], middle), middle)
            text = traced.text[end:]
            first = _WORD.match(text)
            if first and first[1] not in before and _says(case, text):
                return text.strip(), case.line(traced, end + first.start(1))
    return None


def _end(text: str, probe: Probe) -> int:
    """Where the last text of a message ends; 0 where no answer is printed."""
    answers = [
        each for turn in probe.turns if turn.role == "assistant" for each in turn.texts if each in text
    ]
    said = [text.rfind(each) + len(each) for turn in probe.turns for each in turn.texts if each in text]
    return max(said) if answers else 0


def _around_first(case: Case, probe: Probe) -> tuple[str, str]:
    """What stands before and after the first answer, up to the questions; nothing where one of them is not printed."""
    traced = case.traced(probe)
    if traced is None:
        return "", ""
    question, answer, *more = [_place(traced.text, turn.texts) for turn in probe.turns[:3]]
    return traced.text[question[1] : answer[0]], traced.text[answer[1] : more[0][0]] if more else ""


def _place(text: str, texts: Sequence[str]) -> tuple[int, int]:
    """Where the last of some texts stands; nowhere, at the end, if it does not."""
    at = text.find(texts[-1])
    return (at, at + len(texts[-1])) if at >= 0 else (len(text), len(text))


def _says(case: Case, text: str) -> bool:
    """Whether a text has words beside special tokens."""
    for token in (*bracketed(text), *map(str, case.variables.values())):
        text = text.replace(token, "")
    return any(char.isalpha() for char in text)
