"""The nearest vectors of each vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Products that are held at a time.
_PRODUCTS = 1 << 24
#: Cosine from which on two vectors are the same one.
_SAME = 1 - 1e-6


def nearest_neighbours(vectors: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the rows with the highest inner product with each row, itself left out (N, count), int64.

    Exact; of equal products, those of the lower rows; in ascending order of the rows. Of vectors of unit length these
    are the nearest by cosine.

    Args:
        vectors: (N, D) float32.
        count: Neighbours of each, from 1 to N - 1.
    """
    n = len(vectors)
    found = np.empty((n, count), dtype=np.int64)
    chunk = max(1, _PRODUCTS // n)
    for start in range(0, n, chunk):
        products = vectors[start : start + chunk] @ vectors.T
        rows = np.arange(len(products))
        products[rows, start + rows] = -np.inf
        found[start : start + chunk] = _highest(products, count)
    return found


def nearest_others(vectors: NDArray[np.float32], among: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the rows of other vectors that are nearest to each vector by cosine (N, count), int64.

    A vector that is the very same one is no neighbour, so that it does not matter whether a vector is itself among the
    others; only where too few others are left is it taken. Exact; of equal cosines, those of the lower rows; in
    ascending order of the rows.

    Args:
        vectors: (N, D), float32, of unit length.
        among: (R, D), float32, of unit length.
        count: Neighbours of each, from 1 to R.
    """
    found = np.empty((len(vectors), count), dtype=np.int64)
    chunk = max(1, _PRODUCTS // len(among))
    for start in range(0, len(vectors), chunk):
        products = vectors[start : start + chunk] @ among.T
        products[products > _SAME] = -np.inf
        found[start : start + chunk] = _highest(products, count)
    return found


def _highest(products: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the columns of the highest products of each row (N, count), int64, in ascending order."""
    n = products.shape[1]
    least = np.partition(products, n - count, axis=1)[:, n - count, None]
    # all that are above the least, and of those that equal it the first ones
    above, level = products > least, products == least
    wanted = count - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1, dtype=np.int32) <= wanted))
    return np.nonzero(chosen)[1].reshape(-1, count)
