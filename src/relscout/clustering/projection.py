"""Fewer dimensions for steps that only need to know which vectors are near each other."""

from __future__ import annotations

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
    count = min(count, *exact.shape)
    if exact.shape[1] <= exact.shape[0]:
        _, directions = np.linalg.eigh(exact.T @ exact)  # ascending
        return np.asarray(exact @ directions[:, ::-1][:, :count], dtype=np.float32)
    left, lengths, _ = np.linalg.svd(exact, full_matrices=False)
    return np.asarray(left[:, :count] * lengths[:count], dtype=np.float32)
