"""A verdict on a template for the rules to read, whatever the template does."""

from __future__ import annotations

import time
from collections.abc import Mapping

from templatefix.errors import RenderError, TemplateFixError
from templatefix.model import DEFAULT_POLICY, Check, Claim, Policy, Verdict

_PATIENCE = 1.0  # seconds for one short conversation; the judge renders hundreds


def tried(text: str, variables: Mapping[str, str], policy: Policy = DEFAULT_POLICY) -> Verdict:
    """Judge a template by its true spans; nothing imports transformers.

    Args:
        text (`str`): The source, newlines normalised.
        variables (`Mapping[str, str]`): Special tokens; placeholders if there are none.
        policy (`Policy`): Where spans begin and end where both is defensible.

    Returns:
        [`Verdict`]: Undecided, with the reason, for a template that does not compile, or is too slow to judge.
    """
    from templatefix.judge import judge

    try:
        limit = _limit(text, variables)
        return (
            _undecided(limit) if limit else judge(text, dict(variables) or None, policy=policy, track=False)
        )
    except TemplateFixError as error:
        return _undecided(error.what)
    except RecursionError:
        return _undecided("it is nested too deeply")


def _limit(text: str, variables: Mapping[str, str]) -> str:
    """Why a template is too costly to judge; empty if it is not."""
    from templatefix.probes import MATRIX, PLACEHOLDERS
    from templatefix.render import Renderer

    renderer = Renderer(text, dict(variables) or PLACEHOLDERS)
    began = time.monotonic()
    try:
        renderer.render(MATRIX[0].messages)
    except RenderError as error:
        if error.__cause__ is None:  # over a limit, and not raised by the template
            return error.what
    return "a short conversation takes long to render" if time.monotonic() - began > _PATIENCE else ""


def _undecided(reason: str) -> Verdict:
    return Verdict((Check(Claim.EXACT_SPAN, "all", "undecided", detail=reason),))
