"""What transformers itself renders and tracks, up to the tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from templatefix.errors import RenderError
from templatefix.model import Rendered, Span
from templatefix.probes import Probe


def tracked(source: str, probe: Probe, variables: Mapping[str, Any]) -> Rendered:
    """Render a probe as `apply_chat_template(return_assistant_tokens_mask=True)` does, up to the tokenizer.

    Args:
        source (`str`): The chat template.
        probe (`Probe`): The conversation.
        variables (`Mapping[str, str]`): Special tokens.

    Returns:
        [`Rendered`]: The text and the character spans that transformers tracked.

    Raises:
        RenderError: The template raised.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    logger = logging.getLogger("transformers.utils.chat_template_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)  # its warning about missing markers is our finding
    try:
        texts, spans = render_jinja_template(
            [list(probe.messages)],
            chat_template=source,
            return_assistant_tokens_mask=True,
            **{**probe.arguments, **variables},
        )
    except Exception as error:
        raise RenderError(f"{type(error).__name__}: {error}") from error
    finally:
        logger.setLevel(level)
    return Rendered(texts[0], tuple(Span(start, end) for start, end in spans[0]))
