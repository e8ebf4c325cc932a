"""A verdict on a template for the rules to read, whatever the template does."""

from __future__ import annotations

import time
from collections.abc import Mapping

from templatefix.errors import LimitError, RenderError, TemplateFixError
from templatefix.model import DEFAULT_POLICY, Check, Claim, Policy, Template, Verdict

_PATIENCE = 1.0  # seconds for one short conversation; the judge renders hundreds


def tried(text: str, template: Template, policy: Policy = DEFAULT_POLICY) -> Verdict:
    """Judge a template by its true spans; nothing imports transformers.

    Args:
        text (`str`): The source, newlines normalised.
        template ([`Template`]): Whose special tokens to judge with; placeholders if there are none.
        policy (`Policy`): Where spans begin and end where both is defensible.

    Returns:
        [`Verdict`]: Undecided, with the reason, for a template that does not compile, or is too slow to judge.
    """
    from templatefix.judge import judge

    try:
        if problem := limit(text, template.variables):
            return _undecided(problem.what)
        variables, special_tokens = dict(template.variables) or None, template.special_tokens
        return judge(text, variables, policy=policy, special_tokens=special_tokens, track=False)
    except TemplateFixError as error:
        return _undecided(error.what)
    except RecursionError:
        return _undecided("it is nested too deeply")


def limit(text: str, variables: Mapping[str, str]) -> LimitError | None:
    """Say why a template is too costly to judge; `None` if it is not.

    Args:
        text (`str`): The source, newlines normalised.
        variables (`Mapping[str, str]`): Special tokens; placeholders if there are none.

    Raises:
        SyntaxProblem: It does not compile.
    """
    from templatefix.probes import MATRIX, PLACEHOLDERS
    from templatefix.render import Renderer

    renderer = Renderer(text, dict(variables) or PLACEHOLDERS)
    began = time.process_time()
    try:
        renderer.render(MATRIX[0].messages)
    except LimitError as error:
        return error
    except RenderError:  # it may render another conversation
        pass
    slow = time.process_time() - began > _PATIENCE
    return LimitError("a short conversation takes long to render") if slow else None


def _undecided(reason: str) -> Verdict:
    return Verdict((Check(Claim.EXACT_SPAN, "all", "undecided", detail=reason),))
