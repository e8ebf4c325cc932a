"""The conversations on which a chat template is judged."""

from templatefix.probes.chosen import chosen
from templatefix.probes.conditions import lookups, probes_for_condition
from templatefix.probes.derived import asked_alike, asked_variables, probes_for, values_for, with_key
from templatefix.probes.given import given
from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import PLACEHOLDERS, Probe, Turn, quoting, switches
from templatefix.probes.schema import Schema, of_others, read_schema
from templatefix.probes.variations import Variation, other_roles, variations

__all__ = [
    "MATRIX",
    "PLACEHOLDERS",
    "Probe",
    "Schema",
    "Turn",
    "Variation",
    "asked_alike",
    "asked_variables",
    "chosen",
    "given",
    "lookups",
    "of_others",
    "other_roles",
    "probes_for",
    "probes_for_condition",
    "quoting",
    "read_schema",
    "switches",
    "values_for",
    "variations",
    "with_key",
]
