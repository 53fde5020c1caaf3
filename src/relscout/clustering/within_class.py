"""A view of vectors in which instances of one relation differ evenly, learnt in closed form from labelled ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError, SettingError

_CHUNK = 4096


@dataclass(frozen=True)
class Whitening:
    """Centred, rotated, scaled by what varies within relations, and brought to unit length.

    Within-class covariance normalisation (Hatch, Kajarekar, Stolcke: "Within-Class Covariance Normalization for
    SVM-based Speaker Recognition", Interspeech 2006): directions in which instances of the same relation differ much,
    such as their topic, count less.

    Args:
        mean: (D,), float32.
        matrix: (D, Z), float32.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.float32],
        classes: NDArray[np.int64],
        *,
        shrinkage: float = 0.1,
        dimensions: int = 256,
    ) -> Self:
        """Learn from labelled vectors.

        Args:
            vectors: (N, D), float32, at least two.
            classes: Relation of each (N,), int64.
            shrinkage: Share of a round covariance that is mixed in, above 0 to 1: at 1 no direction counts less.
            dimensions: Most directions that are kept, those of the greatest variance.

        Raises:
            InputError: All vectors are equal.
            SettingError: The shrinkage is no such share.
        """
        if not 0 < shrinkage <= 1:
            raise SettingError(f"shrinkage is {shrinkage}, expected a share above 0, and at most 1")
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))  # ascending
        kept = np.flatnonzero(variances > 1e-9 * max(variances[-1], 1e-12))[-dimensions:]
        if not len(kept) or variances[-1] <= 1e-12:
            raise InputError(
                f"the {len(vectors)} labelled vectors do not differ, so nothing can be learnt from them"
            )
        directions = directions[:, kept]
        seen = centred @ directions
        _, member = np.unique(classes, return_inverse=True)
        sums = np.zeros((int(member.max()) + 1, len(kept)))
        np.add.at(sums, member, seen)
        around = seen - (sums / np.bincount(member)[:, None])[member]
        within = around.T @ around / len(vectors)
        size = np.trace(within) / len(kept)
        # relations of one instance each tell nothing of what varies within
        shrunk = (1 - shrinkage) * within + (shrinkage * size if size > 0 else 1.0) * np.eye(len(kept))
        scales, axes = np.linalg.eigh(shrunk)
        return cls(mean.astype(np.float32), (directions @ (axes * scales**-0.5)).astype(np.float32))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (N, Z), float32, of unit length, for vectors (N, D)."""
        found = np.empty((len(vectors), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _CHUNK):
            rows = (vectors[start : start + _CHUNK] - self.mean) @ self.matrix
            found[start : start + _CHUNK] = rows / np.maximum(
                np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
            )
        return found
