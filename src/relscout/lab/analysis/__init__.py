"""What a model reads: context, names or types (Peng et al. 2020, section 2)."""

from relscout.lab.analysis.analyze import Analysis, analyze, encoder_of
from relscout.lab.analysis.formats import FORMATS, rewritten

__all__ = ["FORMATS", "Analysis", "analyze", "encoder_of", "rewritten"]
