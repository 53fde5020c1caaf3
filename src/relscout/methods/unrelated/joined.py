"""Probabilities of relations and of none, as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def with_none(probabilities: NDArray[np.float32], none: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of relations with that of none as the last column (N, K + 1), float32, rows summing to 1.

    None is the likeliest where it is likelier than not, however the relations are told from each other.

    Args:
        probabilities: Of the relations (N, K), float32, rows summing to 1.
        none: How much speaks for none (N,), float32, in [0, 1].
    """
    of_none = np.clip(none.astype(np.float64), 1e-6, 1 - 1e-6)
    of_none = probabilities.max(axis=1) * of_none / (1 - of_none)
    found = np.concatenate([probabilities, of_none[:, None]], axis=1)
    found /= found.sum(axis=1, keepdims=True)
    return found.astype(np.float32)
