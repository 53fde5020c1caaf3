"""The linear classifiers of a fitted RoCORE, on unit-length vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.methods.vectors import largest_first


@dataclass(frozen=True)
class Linear:
    """A linear classifier.

    Args:
        weight: (K, D), float32.
        bias: (K,), float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each class (N, K), float32, for vectors (N, D) of unit length."""
        # trained on vectors of mean square 1, which are √D times as long
        scale = np.float32(self.weight.shape[1] ** 0.5)
        found: NDArray[np.float32] = vectors @ (self.weight.T * scale) + self.bias
        return found

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each class (N, K), float32: the softmax of the scores."""
        found = self.scores(vectors)
        found -= found.max(axis=1, keepdims=True)
        np.exp(found, out=found)
        found /= found.sum(axis=1, keepdims=True)
        return found

    def chosen(self, outputs: NDArray[np.int64]) -> Linear:
        """Return the classifier of some of the classes, in this order."""
        return Linear(self.weight[outputs], self.bias[outputs])


def outputs_by_size(labels: NDArray[np.int64], n_outputs: int) -> NDArray[np.int64]:
    """Return the outputs that any instance chose, the largest first."""
    order = largest_first(labels, n_outputs)
    return order[np.bincount(labels, minlength=n_outputs)[order] > 0]
