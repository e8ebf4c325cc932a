"""Where the templates of a directory lie, as the SHP rules ask for it."""

from __future__ import annotations

from templatefix.edits import Newlines
from templatefix.model import Origin, Template

ADDITIONAL = "additional_chat_templates"
JINJA, INLINE = "chat_template.jinja", "tokenizer_config.json"
PROCESSOR, LEGACY = "processor_config.json", "chat_template.json"


def parts(template: Template) -> tuple[str, str]:
    """The name of the folder and of the file that a template lies in."""
    origin = template.origin
    path = (origin.hub.name if origin.hub else origin.path).replace("\\", "/")
    above, _, name = path.rpartition("/")
    return above.rpartition("/")[2], name


def is_additional(template: Template) -> bool:
    """Whether it lies in the folder of additional templates."""
    return parts(template)[0] == ADDITIONAL


def same_text(one: Template, other: Template) -> bool:
    """Whether two templates are the same to Jinja, which reads all line ends alike."""
    return Newlines.of(one.source).normal == Newlines.of(other.source).normal


def stored(source: str, place: str, name: str = "default", *, effective: bool = True) -> Template:
    """A template in a file, for the cases of the rules."""
    return Template(source, name, Origin(place), effective=effective)
