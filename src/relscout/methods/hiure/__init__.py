"""Contrast of instances and of prototypes at several granularities."""

from __future__ import annotations

from relscout.methods.hiure.estimator import HiURE
from relscout.methods.hiure.settings import HiURESettings

__all__ = ["HiURE", "HiURESettings"]
