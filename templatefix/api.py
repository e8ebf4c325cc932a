"""What `import templatefix` offers. Each function takes any target that `templatefix.sources.read` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from templatefix.model import Outcome, Report, Template, Verdict

if TYPE_CHECKING:
    from templatefix.sources import Target


def read(target: Target) -> tuple[Template, ...]:
    """Read the chat templates of a target.

    Args:
        target (`str`, `os.PathLike`, [`Template`], tokenizer or processor): A file, a directory, `-` for standard
            input, or an object with a chat template.

    Raises:
        SourceError: The target cannot be read or holds no chat template.
    """
    from templatefix import sources

    return sources.read(target)


def audit(target: Target, *, render: bool = True) -> Report:
    """Find faults in the markers, the masks and the text of every template of a target.

    Args:
        target: See [`read`].
        render (`bool`): Render probe conversations, to see what the masks turn out to be. Without, only the source
            is looked at.

    Returns:
        [`Report`]: The findings; `.ok` if none is an error or a warning.

    Raises:
        SourceError: The target cannot be read.
        SyntaxProblem: A template does not parse.
    """
    from templatefix import rules

    templates = read(target)
    return Report(templates, rules.check(templates, render=render), rendered=render)


def verify(target: Target, *, original: Target | None = None) -> Verdict:
    """Judge whether the markers of a target's main template give the right assistant mask.

    Args:
        target: See [`read`].
        original (*optional*): The same target before it was patched; then the text must be the same too.

    Returns:
        [`Verdict`]: `.outcome` is `holds`, `fails` or `undecided`.
    """
    return verify_template(main(read(target)), main(read(original)) if original is not None else None)


def verify_template(template: Template, original: Template | None = None) -> Verdict:
    """Judge one template; see [`verify`]."""
    from templatefix.judge import judge
    from templatefix.syntax import parse

    source = parse(template.source, where=template.label).text
    before = parse(original.source, where=original.label).text if original is not None else None
    return judge(source, dict(template.variables) or None, original=before)


def fix(target: Target) -> Outcome:
    """Put the right markers into a target's main template, or say why not. Writes nothing.

    Args:
        target: See [`read`].

    Returns:
        [`Outcome`]: `.status` is `correct`, `patched` (then `.after` is the new source) or `refused` (then
        `.reason` says why).
    """
    return fix_template(main(read(target)))


def fix_all(target: Target) -> tuple[Outcome, ...]:
    """Fix every template of a target that transformers would use, named variants included; see [`fix`]."""
    return tuple(fix_template(template) for template in read(target) if template.effective)


def fix_template(template: Template) -> Outcome:
    """Fix one template; see [`fix`]."""
    from templatefix import fixing

    return fixing.fix(template)


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
