"""Detection of unrelated pairs, for every method."""

from __future__ import annotations

from relscout.methods.unrelated.by_relatedness import RelatednessDetector, checked_precision, is_connected
from relscout.methods.unrelated.detector import Detector, Judged, Share, checked_share
from relscout.methods.unrelated.no_relation import NoRelationWrapper

__all__ = [
    "Detector",
    "Judged",
    "NoRelationWrapper",
    "RelatednessDetector",
    "Share",
    "checked_precision",
    "checked_share",
    "is_connected",
]
