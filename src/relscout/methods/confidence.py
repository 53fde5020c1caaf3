"""How sure a trained method is: shares that are all near 0 or 1, brought to confidences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Bisections of the exponent of :func:`exponent_for`, and the smallest share that counts.
_BISECTIONS, _TINY = 40, 1e-30


def exponent_for(shares: NDArray[np.float32], confidence: float) -> float:
    """Return the power that brings the mean of the highest shares to a confidence, in (0, 1].

    Clustering drives shares to 0 and 1 however often it errs, so that they tell which instances are surer than others,
    but not how sure. A power keeps the former and sets the latter.

    Args:
        shares: Shares of the relations (N, K), float32.
        confidence: The mean to reach, in [0, 1].
    """
    low, high = 0.0, 1.0
    if len(shares) == 0 or float(softened(shares, high).max(axis=1).mean()) <= confidence:
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = float(softened(shares, middle).max(axis=1).mean()) > confidence
        low, high = (low, middle) if above else (middle, high)
    return high


def softened(shares: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    """Return shares (N, K) raised to a power in (0, 1], rows summing to 1; which one is highest stays."""
    found: NDArray[np.float32] = np.maximum(shares, np.float32(_TINY)) ** np.float32(exponent)
    found /= found.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    # rounding may make equal what was not
    moved = np.flatnonzero(found.argmax(axis=1) != best)
    found[moved, best[moved]] = np.nextafter(found[moved].max(axis=1), np.float32(2))
    return found
