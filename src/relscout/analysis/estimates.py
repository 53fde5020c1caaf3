"""Figures with bootstrap intervals: shares of instances, and what is computed from shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from relscout.metrics import percentile_interval, resampled_shares

#: Values of a statistic (1 + resamples,), float64: first that of the instances themselves.
Values = NDArray[np.float64]
#: No break in "91 %".
_SPACE = "\N{NO-BREAK SPACE}"


class Estimate(NamedTuple):
    """A figure and its bootstrap interval of 95 %."""

    value: float
    low: float
    high: float

    def rounded(self) -> list[float]:
        """Return the three as JSON values."""
        return [round(one, 6) for one in self]


def shares(flags: Mapping[str, NDArray[np.bool_]], *, seed: int) -> dict[str, Values]:
    """Return in which share of the instances each of several things holds, as it is and in every resample.

    Args:
        flags: Name → whether it holds for each instance (N,).
        seed: Of the resamples.
    """
    table = np.stack(list(flags.values()), axis=1)  # (N, C)
    rows = np.concatenate([table.mean(axis=0)[None], resampled_shares(table, seed=seed)])
    return {name: rows[:, column] for column, name in enumerate(flags)}


def ratio(part: Values, whole: Values) -> Values:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole != 0)


def estimate(values: Values) -> Estimate:
    """Return the figure, which must be a number, and its interval over the resamples where it is one."""
    return Estimate(float(values[0]), *percentile_interval(values[1:][~np.isnan(values[1:])]))


def estimate_if_any(values: Values) -> Estimate | None:
    """Return the figure and its interval; ``None`` where the figure is not defined."""
    return None if np.isnan(values[0]) else estimate(values)


def percent(share: float) -> str:
    """Return a share, in [0, 1], in words."""
    return f"{100 * share:.0f}{_SPACE}%"


def in_words(share: Estimate) -> str:
    """Return a share with its interval in words."""
    return f"{percent(share.value)} (95{_SPACE}%:{_SPACE}{100 * share.low:.0f}–{100 * share.high:.0f})"
