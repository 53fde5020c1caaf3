"""How likely two instances express the same relation, once that is learnt."""

from __future__ import annotations

from collections.abc import Mapping as NamedArrays
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.autoencoder import Mapping


@dataclass(frozen=True)
class Similarity:
    """The siamese network: p(a, b) = σ(w · |f(a) − f(b)| + c).

    Args:
        mapping: f, from vectors of unit length.
        weight: w (Z,), float32.
        bias: c.
    """

    mapping: Mapping
    weight: NDArray[np.float32]
    bias: float

    def codes(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return f (N, Z), float32, of vectors of unit length (N, D)."""
        return self.mapping(vectors)

    def between(self, codes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return p of each code with each other one (N, M), float64, in (0, 1)."""
        from scipy.spatial.distance import cdist

        apart = np.zeros((len(codes), len(others)))
        for sign, columns, scale in self._parts():
            apart += sign * cdist(codes[:, columns] * scale, others[:, columns] * scale, "cityblock")
        return self._probability(apart)

    def among(self, codes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return p of each two codes (N (N − 1) / 2,), float64, in the order of SciPy's ``pdist``."""
        from scipy.spatial.distance import pdist

        apart = np.zeros(len(codes) * (len(codes) - 1) // 2)
        for sign, columns, scale in self._parts():
            apart += sign * pdist(codes[:, columns] * scale, "cityblock")
        return self._probability(apart)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        found = {f"mapping.{name}": array for name, array in self.mapping.arrays().items()}
        return {**found, "weight": self.weight, "bias": np.array([self.bias])}

    @classmethod
    def from_arrays(cls, arrays: NamedArrays[str, NDArray[Any]]) -> Similarity:
        """Build a similarity from what :meth:`arrays` gave."""
        prefix = "mapping."
        inner = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        return cls(Mapping.from_arrays(inner), arrays["weight"], float(arrays["bias"][0]))

    def _parts(self) -> list[tuple[float, NDArray[np.int64], NDArray[np.float64]]]:
        """Return w as differences of two city-block distances: its sign, the columns of that sign, |w| in them."""
        weight = self.weight.astype(np.float64)
        signs = ((-1.0, np.flatnonzero(weight < 0)), (1.0, np.flatnonzero(weight > 0)))
        return [(sign, columns, np.abs(weight[columns])) for sign, columns in signs if len(columns)]

    def _probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import expit

        logits += self.bias
        expit(logits, out=logits)
        return logits
