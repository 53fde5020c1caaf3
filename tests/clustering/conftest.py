from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray


class MakeBlobs(Protocol):
    def __call__(
        self, n_blobs: int, each: int, *, dimensions: int = 16, noise: float = 0.05, seed: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...


@pytest.fixture(scope="session")
def blobs() -> MakeBlobs:
    """Vectors of unit length around random directions, shuffled, and the blob of each."""

    def make(
        n_blobs: int, each: int, *, dimensions: int = 16, noise: float = 0.05, seed: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        random = np.random.default_rng(seed)
        centres = unit_length(random.normal(size=(n_blobs, dimensions)))
        gold = random.permutation(np.repeat(np.arange(n_blobs), each))
        noisy = centres[gold] + noise * random.normal(size=(len(gold), dimensions))
        return unit_length(noisy).astype(np.float32), gold

    return make


def unit_length(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
