"""Why no patch was found: what stands in the way, by what the template renders and by what was tried."""

from templatefix.diagnosis.objections import changed, objection, words
from templatefix.diagnosis.reasons import diagnose, quoted, unfit

__all__ = ["changed", "diagnose", "objection", "quoted", "unfit", "words"]
