"""Fewer dimensions for steps that only need to know which vectors are near each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def strongest_directions(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the vectors in the ``count`` directions in which they are longest (N, min(count, N, D)), float32.

    The truncated singular value decomposition: it keeps inner products (and with them cosines and distances) as well as
    that many dimensions can. Vectors are not centred, which would change their cosines.

    Args:
        vectors: (N, D) float32.
        count: Number of directions.
    """
    exact = vectors.astype(np.float64)
    if exact.shape[1] <= exact.shape[0]:
        return np.asarray(exact @ directions(exact, count).T, dtype=np.float32)
    left, lengths, _ = np.linalg.svd(exact, full_matrices=False)
    count = min(count, *exact.shape)
    return np.asarray(left[:, :count] * lengths[:count], dtype=np.float32)


def directions(vectors: NDArray[np.floating[Any]], count: int) -> NDArray[np.float64]:
    """Return the ``count`` directions in which vectors are longest (min(count, N, D), D), float64, of unit length.

    Args:
        vectors: (N, D).
        count: Number of directions.
    """
    exact = vectors.astype(np.float64)
    count = min(count, *exact.shape)
    if exact.shape[1] <= exact.shape[0]:
        _, found = np.linalg.eigh(exact.T @ exact)  # ascending
        return np.ascontiguousarray(found[:, ::-1][:, :count].T)
    return np.asarray(np.linalg.svd(exact, full_matrices=False)[2][:count])
