"""Siamese representation learning: positive pairs only, and clusters that neighbours share."""

from __future__ import annotations

from relscout.methods.siamese.estimator import Siamese
from relscout.methods.siamese.settings import SiameseSettings

__all__ = ["Siamese", "SiameseSettings"]
