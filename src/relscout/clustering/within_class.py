"""Within-class covariance normalisation: directions in which instances of one relation differ get less weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError

#: Vectors in memory at a time, in double precision.
_CHUNK = 4096


@dataclass(frozen=True)
class Whitening:
    """Within-class covariance normalisation of vectors, which then have unit length.

    Directions in which instances of the same relation differ much, such as their topic, get less weight (Hatch,
    Kajarekar, Stolcke: "Within-Class Covariance Normalization for SVM-based Speaker Recognition", Interspeech 2006).

    Args:
        mean: Mean that is subtracted (D,), float32.
        matrix: Matrix that the result is multiplied by (D, Z), float32.
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
        """Estimate the normalisation from labelled vectors.

        Args:
            vectors: At least two vectors (N, D), float32.
            classes: Relation of each (N,), int64.
            shrinkage: Share of a spherical covariance in the estimate, above 0 to 1; at 1, all directions are equal.
            dimensions: Maximum number Z of directions that are kept, those of the highest variance.

        Raises:
            InputError: All vectors are equal.
            SettingError: The shrinkage is not in (0, 1].
        """
        if not 0 < shrinkage <= 1:
            raise SettingError(f"shrinkage is {shrinkage}, expected a share above 0, and at most 1")
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - mean
        # with few vectors, the (N, N) product gives the same directions as the (D, D) one, and is faster
        few = len(vectors) < vectors.shape[1]
        products = centred @ centred.T if few else centred.T @ centred
        variances, directions = np.linalg.eigh(products / len(vectors))  # ascending
        kept = np.flatnonzero(variances > 1e-9 * max(variances[-1], 1e-12))[-dimensions:]
        if not len(kept) or variances[-1] <= 1e-12:
            raise InputError(
                f"the {len(vectors)} labelled vectors do not differ, so nothing can be learnt from them"
            )
        directions = directions[:, kept]
        if few:
            directions = centred.T @ directions / np.sqrt(len(vectors) * variances[kept])
        rotated = centred @ directions  # (N, Z)
        _, member = np.unique(classes, return_inverse=True)
        sums = np.zeros((int(member.max()) + 1, len(kept)))
        np.add.at(sums, member, rotated)
        around = rotated - (sums / np.bincount(member)[:, None])[member]
        within = around.T @ around / len(vectors)
        size = np.trace(within) / len(kept)
        # if each relation has one instance, there is no variance within relations
        shrunk = (1 - shrinkage) * within + (shrinkage * size if size > 0 else 1.0) * np.eye(len(kept))
        scales, axes = np.linalg.eigh(shrunk)
        return cls(mean.astype(np.float32), (directions @ (axes * scales**-0.5)).astype(np.float32))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (N, Z), float32, of unit length, for vectors (N, D)."""
        whitened = np.empty((len(vectors), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _CHUNK):
            rows = (vectors[start : start + _CHUNK] - self.mean) @ self.matrix
            whitened[start : start + _CHUNK] = rows / np.maximum(
                np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
            )
        return whitened
