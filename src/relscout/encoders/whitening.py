"""Within-class covariance normalisation: directions in which the vectors of one relation differ get less weight.

Sentences of one relation differ by their subject, their style and their entities; vectors are compared better without
these differences (Hatch, Kajarekar, Stolcke: "Within-class covariance normalization for SVM-based speaker recognition",
Interspeech 2006). The covariance is estimated in one way, by :func:`within_class_scatter`, and used in two:

- :class:`Whitening` is part of an adapter. Where the differences are measured on many relations of many corpora, they
  are much the same for relations that nobody has labelled. It damps a few hundred directions and leaves all others and
  the length of a vector as they are, so that the vectors of any text can be whitened, whatever is done with them.
- :class:`WithinClassProjection` is the normalisation of the paper among the directions of the largest variance of a
  corpus, for vectors that are compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.files import whole_file
from relscout.encoders.pooling import parse_pooling, turned

if TYPE_CHECKING:
    from torch import Tensor

#: The file in an adapter's folder.
WHITENING = "whitening.safetensors"
#: Rows that are multiplied at once: always as many, so that a vector does not depend on the others; few, because one
#: sentence costs as much as all of them.
_ROWS = 16
#: Vectors that are projected at once.
_CHUNK = 4096
_NEAR_ZERO = 1e-12


class Scatter(NamedTuple):
    """How vectors differ within classes.

    Args:
        products: Sum of the outer products of the distances from the mean of the class (D, D), float64.
        n_vectors: Number of vectors.
        n_classes: Number of classes that have any.
    """

    products: NDArray[np.float64]
    n_vectors: int
    n_classes: int


def within_class_scatter(
    classes: Iterable[NDArray[np.float32] | NDArray[np.float64]], dimension: int
) -> Scatter:
    """Return the scatter within classes, in double precision; only one class at a time is copied for it.

    Args:
        classes: The vectors of each class (n, D).
        dimension: D.
    """
    products, n_vectors, n_classes = np.zeros((dimension, dimension)), 0, 0
    for vectors in classes:
        if not len(vectors):
            continue
        centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
        products += centred.T @ centred
        n_vectors += len(vectors)
        n_classes += 1
    return Scatter(products, n_vectors, n_classes)


@dataclass(frozen=True)
class Whitening:
    """A map of vectors that keeps their lengths.

    Args:
        directions: Orthonormal directions (r, D), float32.
        factors: What the share of a vector in each direction is multiplied by (r,), float32, in [0, 1].
        marking: Marking of the encoder whose vectors it is for.
        pooling: Pooling of that encoder.
    """

    directions: NDArray[np.float32]
    factors: NDArray[np.float32]
    marking: str
    pooling: str

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the whitened vectors (N, D), float32, each as long as before, whatever the other vectors are."""
        directions, damping = self._in_double_precision
        whitened = np.empty_like(vectors)
        block = np.zeros((_ROWS, vectors.shape[1]))
        for start in range(0, len(vectors), _ROWS):
            some = vectors[start : start + _ROWS]
            block[: len(some)] = some
            # vectors that are not finite stay so, which the caller reports
            with np.errstate(invalid="ignore", over="ignore"):
                damped = block - ((block @ directions.T) * damping) @ directions
                lengths = np.linalg.norm(damped, axis=1)
                damped *= (np.linalg.norm(block, axis=1) / np.maximum(lengths, _NEAR_ZERO))[:, None]
            whitened[start : start + len(some)] = damped[: len(some)]
        return whitened

    @cached_property
    def _in_double_precision(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.directions.astype(np.float64), 1 - self.factors.astype(np.float64)

    def of_tensor(self, vectors: Tensor) -> Tensor:
        """Return the same of a tensor (B, D), with gradients."""
        import torch

        directions = torch.from_numpy(self.directions).to(vectors.device)
        damping = 1 - torch.from_numpy(self.factors).to(vectors.device)
        damped: Tensor = vectors - ((vectors @ directions.T) * damping) @ directions
        lengths = damped.norm(dim=1, keepdim=True).clamp_min(_NEAR_ZERO)
        scale: Tensor = vectors.norm(dim=1, keepdim=True) / lengths
        return damped * scale

    @classmethod
    def fit(
        cls,
        vectors: NDArray[np.float32],
        classes: NDArray[np.int64],
        set_of: NDArray[np.int64],
        *,
        rank: int,
        shrinkage: float,
        marking: str,
        pooling: str,
        hidden_size: int,
    ) -> Whitening:
        """Fit the map to labelled vectors.

        Each set of relations counts the same. If the marking does not show which mention is the head, vectors count in
        both directions, so that whitening an exchanged vector is exchanging a whitened one.

        Args:
            vectors: Vectors (N, D), float32.
            classes: Relation of each (N,), int64, from 0.
            set_of: Set of each relation (C,), int64, from 0.
            rank: Maximum number of directions to damp, at least 1.
            shrinkage: How much of the mean variance is added to that of each direction, above 0; the larger, the
                weaker is the damping.
            marking: Marking of the encoder.
            pooling: Its pooling, all of whose parts use hidden states.
            hidden_size: Dimensions of its hidden states.
        """
        import torch

        parts = parse_pooling(pooling)

        def views_of(number: int) -> Iterator[NDArray[np.float32]]:
            for relation in np.flatnonzero(set_of == number):
                view = vectors[classes == relation]
                yield view
                if marking == "none":
                    yield turned(torch.from_numpy(view), parts, hidden_size).numpy()

        dimension = vectors.shape[1]
        covariance = np.zeros((dimension, dimension))
        for number in np.unique(set_of):
            scatter = within_class_scatter(views_of(number), dimension)
            covariance += scatter.products / max(scatter.n_vectors - scatter.n_classes, 1)
        variances, directions = np.linalg.eigh(covariance)
        shrunk = np.maximum(variances, 0) + shrinkage * max(variances.mean(), _NEAR_ZERO)
        factors = shrunk**-0.5
        kept = min(rank, dimension - 1)
        rest = factors[:-kept].mean()
        return cls(
            # as they are saved
            np.ascontiguousarray(directions[:, -kept:].T).astype(np.float16).astype(np.float32),
            np.minimum(factors[-kept:] / rest, 1).astype(np.float32),
            marking,
            pooling,
        )

    def save(self, folder: Path) -> None:
        """Write the map into a folder, its directions in float16.

        Raises:
            OutputError: The file cannot be written.
        """
        from safetensors.numpy import save_file

        content: dict[str, NDArray[Any]] = {
            "directions": self.directions.astype(np.float16),
            "factors": self.factors,
        }
        with whole_file(folder / WHITENING) as partial:
            save_file(content, partial, {"marking": self.marking, "pooling": self.pooling})

    @classmethod
    def load(cls, folder: Path) -> Whitening | None:
        """Return the map of a folder; ``None`` if it has none.

        Raises:
            ArtifactError: The file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / WHITENING
        if not path.is_file():
            return None
        try:
            with safe_open(path, "numpy") as file:
                directions, factors = (file.get_tensor(name) for name in ("directions", "factors"))
                metadata = file.metadata()
            if directions.ndim != 2 or factors.shape != directions.shape[:1]:
                raise ValueError(f"directions {directions.shape}, factors {factors.shape}")
            if not (np.isfinite(directions).all() and np.isfinite(factors).all()):
                raise ValueError("numbers that are not finite")
            return cls(
                directions.astype(np.float32),
                factors.astype(np.float32),
                metadata["marking"],
                metadata["pooling"],
            )
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{path} is damaged ({error}); get the adapter again") from error


@dataclass(frozen=True)
class WithinClassProjection:
    """Within-class covariance normalisation of vectors, which then have unit length.

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
        kept = np.flatnonzero(variances > 1e-9 * max(variances[-1], _NEAR_ZERO))[-dimensions:]
        if not len(kept) or variances[-1] <= _NEAR_ZERO:
            raise InputError(
                f"the {len(vectors)} labelled vectors do not differ, so nothing can be learnt from them"
            )
        directions = directions[:, kept]
        if few:
            directions = centred.T @ directions / np.sqrt(len(vectors) * variances[kept])
        rotated = centred @ directions  # (N, Z)
        scatter = within_class_scatter(
            (rotated[classes == relation] for relation in np.unique(classes)), len(kept)
        )
        within = scatter.products / len(vectors)
        size = np.trace(within) / len(kept)
        # if each relation has one instance, there is no variance within relations
        shrunk = (1 - shrinkage) * within + (shrinkage * size if size > 0 else 1.0) * np.eye(len(kept))
        scales, axes = np.linalg.eigh(shrunk)
        return cls(mean.astype(np.float32), (directions @ (axes * scales**-0.5)).astype(np.float32))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (N, Z), float32, of unit length, for vectors (N, D)."""
        projected = np.empty((len(vectors), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _CHUNK):
            rows = (vectors[start : start + _CHUNK] - self.mean) @ self.matrix
            projected[start : start + _CHUNK] = unit_length(rows)
        return projected
