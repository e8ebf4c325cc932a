"""The conversations on which a chat template is judged."""

from templatefix.probes.derived import probes_for
from templatefix.probes.matrix import MATRIX
from templatefix.probes.messages import PLACEHOLDERS, Probe, Turn, switches

__all__ = ["MATRIX", "PLACEHOLDERS", "Probe", "Turn", "probes_for", "switches"]
