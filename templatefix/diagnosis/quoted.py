"""Does a template quote answers as input to another question, as that of a guard, a judge or a reranker does?"""

from __future__ import annotations

import re

from templatefix.analysis import Trace
from templatefix.diagnosis.case import Case
from templatefix.expected.texts import common_prefix
from templatefix.probes import Probe

# Text that a tokenizer is likely to hold as one added token: <...>, [...], <|...|>, <｜...｜>.
_BRACKETED = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]")
_PARTIAL = re.compile(r"(?:<[^<>\s]{0,60}|\[[^\[\]\s]{0,60})\Z")
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
            trace = case.traced(probe, prompt=prompt)
            end = _end(trace, probe) if trace else 0
            if trace is None or not end:
                continue
            end += _whole(trace.text[end:], common_prefix(trace.text[end:], middle), middle)
            text = trace.text[end:]
            first = _WORD.match(text)
            header = before.strip()
            if header and text.rstrip().endswith(header):
                continue  # what opens an answer, whoever speaks next
            if prompt and len(text.split()) == 1:
                continue  # a generation prompt that is one word asks nothing
            if first and first[1] not in before and _says(case, text):
                return text.strip(), case.line(trace, end + first.start(1))
    return None


def _end(trace: Trace, probe: Probe) -> int:
    """Where the last text of a message ends; 0 where no answer is printed."""
    said = [trace.own(at) for at in range(len(probe.messages))]
    answers = any(said[at] for at in probe.assistant)
    return max((own[-1][1] for own in said if own), default=0) if answers else 0


def _around_first(case: Case, probe: Probe) -> tuple[str, str]:
    """What stands before and after the first answer, up to the questions; nothing where one of them is not printed."""
    trace = case.traced(probe)
    if trace is None:
        return "", ""
    nowhere = [(len(trace.text), len(trace.text))]
    question, answer, *more = [trace.own(at) or nowhere for at in range(len(probe.messages))][:3]
    before = trace.text[question[-1][1] : answer[0][0]]
    return before, trace.text[answer[-1][1] : more[0][0][0]] if more else ""


def _says(case: Case, text: str) -> bool:
    """Whether a text has words beside special tokens."""
    for token in (*_bracketed(text), *map(str, case.variables.values())):
        text = text.replace(token, "")
    return any(char.isalpha() for char in text)


def _whole(text: str, cut: int, *others: str) -> int:
    """Move `cut` back so that it falls neither inside a bracketed token nor inside a word.

    Args:
        text (`str`): A text.
        cut (`int`): Up to here `text` agrees with `others`.
        others (`str`): Other texts that agree with `text` up to `cut`; a token of theirs counts too.
    """
    for each in (text, *others):
        opening = _PARTIAL.search(each, max(0, cut - 62), cut)
        if opening and (found := _BRACKETED.match(each, opening.start())) and found.end() > cut:
            return _whole(text, opening.start(), *others)
    inside = [each[cut - 1 : cut + 1] for each in (text, *others)]
    if cut > 0 and any(len(pair) == 2 and pair.isalnum() for pair in inside):
        while cut and text[cut - 1].isalnum():
            cut -= 1
        return _whole(text, cut, *others)
    return cut


def _bracketed(text: str) -> list[str]:
    """Return the bracketed tokens in a text."""
    return _BRACKETED.findall(text)
