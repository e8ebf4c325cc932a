"""Put proven markers into the template of a tokenizer in memory, for good or for the time of training."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from templatefix import api
from templatefix.errors import RefusedError, UsageError
from templatefix.model import DEFAULT_POLICY, Outcome, Policy, Variant
from templatefix.sources.objects import HasChatTemplate
from templatefix.training.proving import proven, remember

Tokenizer = TypeVar("Tokenizer", bound=HasChatTemplate)


def ensure(
    tokenizer: Tokenizer,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> Tokenizer:
    """Make sure that the markers of a tokenizer's chat template are right; patch it in memory where they are not.

    Nothing but `chat_template` changes, and that only once every named variant is proven, on the tokenizer's own
    tokens too. Where the markers are right already nothing changes, so that calling it twice is calling it once.

    Args:
        tokenizer (`PreTrainedTokenizerBase` or `ProcessorMixin`): What `apply_chat_template` is called on in training.
        variant (`str`): See [`templatefix.fix`].
        allow (`Collection[str]`): See [`templatefix.fix`].
        policy ([`Policy`]): See [`templatefix.fix`].

    Returns:
        The same object.

    Raises:
        RefusedError: No patch is proven; says why, and for which variant.
        SourceError: It has no chat template.
        UsageError: It is neither a tokenizer nor a processor.

    Example:

    ```python
    tokenizer = templatefix.ensure(AutoTokenizer.from_pretrained("org/name"))
    trainer = SFTTrainer(..., processing_class=tokenizer, args=SFTConfig(assistant_only_loss=True))
    ```
    """
    _expect(tokenizer)
    templates = [each for each in api.read(tokenizer) if each.effective]
    outcomes = [proven(each, variant=variant, allow=allow, policy=policy) for each in templates]
    for outcome in outcomes:
        _require(outcome, tokenizer, policy)
    if any(outcome.after != outcome.before for outcome in outcomes):
        _set(tokenizer, {outcome.template.name: outcome.after for outcome in outcomes})
    return tokenizer


@contextmanager
def training_template(
    tokenizer: Tokenizer,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> Iterator[Tokenizer]:
    """Train with proven markers, and keep the inference template: it comes back at the end, and is what is saved.

    Within the block the tokenizer has the patched template; `save_pretrained`, and so each checkpoint and
    `push_to_hub`, still writes the one it had before. It comes back after an exception too.

    Args:
        tokenizer (`PreTrainedTokenizerBase` or `ProcessorMixin`): See [`ensure`].
        variant (`str`): See [`templatefix.fix`].
        allow (`Collection[str]`): See [`templatefix.fix`].
        policy ([`Policy`]): See [`templatefix.fix`].

    Raises:
        RefusedError: No patch is proven; nothing has changed.

    Example:

    ```python
    with templatefix.training_template(tokenizer):
        trainer = SFTTrainer(..., processing_class=tokenizer, args=SFTConfig(assistant_only_loss=True))
        trainer.train()
    ```
    """
    _expect(tokenizer)
    holder: Any = tokenizer
    before, own = holder.chat_template, vars(holder).get("save_pretrained")
    ensure(tokenizer, variant=variant, allow=allow, policy=policy)
    holder.save_pretrained = _SavesInference(holder, before, own)
    try:
        yield tokenizer
    finally:
        del holder.save_pretrained
        if own is not None:
            holder.save_pretrained = own
        holder.chat_template = before


class _SavesInference:
    """`save_pretrained` of a tokenizer that trains with another template than it is saved with.

    A class of this module and no closure, because data sets pickle tokenizers.
    """

    def __init__(self, tokenizer: Any, template: Any, own: Any) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.own = own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        training = self.tokenizer.chat_template
        save = self.own or type(self.tokenizer).save_pretrained.__get__(self.tokenizer)
        self.tokenizer.chat_template = self.template
        try:
            return save(*args, **kwargs)
        finally:
            self.tokenizer.chat_template = training


def _expect(tokenizer: Any) -> None:
    if not hasattr(tokenizer, "chat_template") or not hasattr(tokenizer, "apply_chat_template"):
        raise UsageError(
            f"an object of type {type(tokenizer).__name__} is neither a tokenizer nor a processor",
            cure="load it first: `AutoTokenizer.from_pretrained(…)`.",
        )


def _require(outcome: Outcome, tokenizer: Any, policy: Policy) -> None:
    """Check that the template is proven, on the tokens too."""
    label = outcome.template.label
    if outcome.refusal is not None:
        line = f":{outcome.refusal.line}" if outcome.refusal.line else ""
        raise RefusedError(
            f"no proven markers for this chat template: {outcome.reason}",
            where=f"{label}{line}",
            cure="`templatefix fix --why` says what was tried; or train on prompt/completion rows, which need no "
            "markers: `templatefix convert`.",
        )
    after = replace(outcome.template, source=outcome.after)
    # A declared change of the text is judged when the patch is made; what is asked here is whether tokens follow.
    verdict = api.verify_template(after, tokenizer=tokenizer, policy=policy)
    if verdict.outcome != "holds":
        check = verdict.blame
        said = f"{check.claim} {check.outcome} on the probe {check.probe!r}: {check.detail}" if check else ""
        raise RefusedError(
            f"the markers are not proven on this tokenizer's tokens: {said}",
            where=label,
            cure="`templatefix verify --tokenizer DIR` shows each claim.",
        )
    remember(after, verdict, policy)


def _set(tokenizer: Any, sources: dict[str, str]) -> None:
    """Set the templates, in the form they have had: one text, or a text for each name."""
    whole = isinstance(tokenizer.chat_template, str)
    tokenizer.chat_template = sources["default"] if whole else sources
