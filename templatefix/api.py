"""What `import templatefix` offers. Each function takes any target that `templatefix.sources.read` takes."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from templatefix.errors import UsageError
from templatefix.model import DEFAULT_POLICY, Conversation, Policy, Report, Template, Verdict

if TYPE_CHECKING:
    from templatefix.model import Outcome, Variant
    from templatefix.probes import Probe
    from templatefix.sources import Target


def read(target: Target) -> tuple[Template, ...]:
    """Read the chat templates of a target.

    Args:
        target (`str`, `os.PathLike`, [`Template`], tokenizer or processor): A file, a directory, `org/name` or
            `org/name@revision` on the Hub, `-` for standard input, or an object with a chat template.

    Raises:
        SourceError: The target cannot be read or holds no chat template.
        HubError: The Hub was not reached, or refused.
    """
    from templatefix import sources

    return sources.read(target)


def audit_templates(
    templates: tuple[Template, ...], *, render: bool = True, policy: Policy = DEFAULT_POLICY
) -> Report:
    """Audit all templates of one target; see [`audit`]."""
    from templatefix import rules

    return Report(templates, rules.check(templates, render=render, policy=policy), rendered=render)


def audit(target: Target, *, render: bool = True, policy: Policy = DEFAULT_POLICY) -> Report:
    """Find faults in the markers, the masks and the text of every template of a target.

    Args:
        target: See [`read`].
        render (`bool`): Render probe conversations, to see what the masks turn out to be. Without, only the source
            is looked at.
        policy ([`Policy`]): Which turns are to be trained, and where their spans begin.

    Returns:
        [`Report`]: The findings; `.ok` if none is an error or a warning.

    Raises:
        SourceError: The target cannot be read.
        SyntaxProblem: A template does not parse.
    """
    return audit_templates(read(target), render=render, policy=policy)


def verify(
    target: Target,
    *,
    original: Target | None = None,
    tokenizer: Any = None,
    conversation: Conversation | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Verdict:
    """Judge whether the markers of a target's main template give the right assistant mask.

    Args:
        target: See [`read`]. A fast tokenizer's masks of tokens are judged too.
        original (*optional*): The same target before it was patched; then the text must be the same too.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): The tokenizer to judge masks of tokens with.
        conversation (`list[dict]`, *optional*): Messages to judge besides the probes.
        policy ([`Policy`]): Which turns are to be trained, and where spans begin and end where both is defensible.

    Returns:
        [`Verdict`]: `.outcome` is `holds`, `fails` or `undecided`.
    """
    from templatefix.probes import given

    before = main(read(original)) if original is not None else None
    if tokenizer is None and hasattr(target, "apply_chat_template"):
        tokenizer = target
    probe = given(conversation) if conversation else None
    return verify_template(main(read(target)), before, tokenizer=tokenizer, probe=probe, policy=policy)


def verify_template(
    template: Template,
    original: Template | None = None,
    *,
    tokenizer: Any = None,
    probe: Probe | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Verdict:
    """Judge one template; see [`verify`]."""
    from templatefix.judge import judge
    from templatefix.sources.objects import added_tokens
    from templatefix.syntax import parse

    before = parse(original.source, where=original.label).text if original is not None else None
    return judge(
        parse(template.source, where=template.label).text,
        template_variables(template, tokenizer) or None,
        original=before,
        extra=[probe] if probe else [],
        policy=policy,
        tokenizer=tokenizer,
        special_tokens=added_tokens(tokenizer) or template.special_tokens,
    )


def sample(template: Template, tokenizer: Any = None, probe: Probe | None = None) -> list[tuple[str, bool]]:
    """Return a conversation as a template renders it: its texts in order, and whether each is marked.

    Args:
        template ([`Template`]): The template.
        tokenizer (`PreTrainedTokenizerBase`, *optional*): Whose special tokens to render with.
        probe ([`Probe`], *optional*): The conversation; a probe of two turns if `None`.

    Returns:
        `list[tuple[str, bool]]`: Nothing where the template raises.
    """
    from templatefix.errors import RenderError
    from templatefix.probes import MATRIX, PLACEHOLDERS
    from templatefix.render import Renderer
    from templatefix.render.spans import merged
    from templatefix.syntax import parse

    probe = probe or next(each for each in MATRIX if each.name == "two turns")
    renderer = Renderer(parse(template.source).text, template_variables(template, tokenizer) or PLACEHOLDERS)
    try:
        rendered = renderer.render(probe.messages, **probe.arguments)
    except RenderError:
        return []
    found, cursor = [], 0
    for span in merged(rendered.spans):
        found += [(rendered.text[cursor : span.start], False), (span.of(rendered.text), True)]
        cursor = span.end
    return [(text, trained) for text, trained in [*found, (rendered.text[cursor:], False)] if text]


def template_variables(template: Template, tokenizer: Any = None) -> dict[str, str]:
    """Return the special tokens a template is rendered with: the tokenizer's where there is one."""
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    tokens = getattr(inner, "special_tokens_map", None) or {}
    named = {key: str(token) for key, token in tokens.items() if not isinstance(token, list | tuple)}
    return {**template.variables, **named}


def fix(
    target: Target,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> Outcome:
    """Put the right markers into a target's main template, or say why not. Writes nothing.

    Args:
        target: See [`read`].
        variant (`str`): `same-text`, or `training` for a reviewed patch that also changes the text, as it declares.
        allow (`Collection[str]`): What to try besides, as a last resort. `capture-all` captures all that the template
            prints and finds the assistant's turns in it by the text of their header, which a user may type too.
        policy ([`Policy`]): Which turns are to be trained, and where their spans begin.

    Returns:
        [`Outcome`]: `.status` is `correct`, `patched` (then `.after` is the new source) or `refused` (then
        `.refusal` says why: its `.kind`, `.reason` and `.line`).

    Raises:
        UsageError: `variant` or `allow` names something else.
    """
    return fix_template(main(read(target)), variant=variant, allow=allow, policy=policy)


def fix_all(
    target: Target,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> tuple[Outcome, ...]:
    """Fix every template of a target that transformers would use, whichever of them is refused; see [`fix`]."""
    templates = [template for template in read(target) if template.effective]
    return tuple(
        fix_template(template, variant=variant, allow=allow, policy=policy) for template in templates
    )


def fix_template(
    template: Template,
    *,
    variant: Variant = "same-text",
    allow: Collection[str] = (),
    policy: Policy = DEFAULT_POLICY,
) -> Outcome:
    """Fix one template; see [`fix`]."""
    from templatefix import fixing
    from templatefix.model import Allowance, Variant

    if unknown := sorted(set(allow) - set(Allowance)):
        cure = f"allow {', '.join(map(repr, map(str, Allowance)))}."
        raise UsageError(f"nothing is called {unknown[0]!r} that could be allowed", cure=cure)
    if variant not in get_args(Variant):
        cure = f"name one of {', '.join(get_args(Variant))}."
        raise UsageError(f"there is no variant {variant!r}", cure=cure)
    propose = fixing.training if variant == "training" else partial(fixing.proposals, allow=allow)
    return fixing.fix(template, propose, policy)


def strip(target: Target) -> str:
    """Return the source of a target's main template without generation markers.

    Args:
        target: See [`read`].
    """
    from templatefix import stripping

    return stripping.strip(main(read(target)))


def main(templates: tuple[Template, ...]) -> Template:
    """Return the template that transformers uses for a conversation without tools."""
    effective = [template for template in templates if template.effective]
    return next((each for each in effective if each.name == "default"), effective[0])
