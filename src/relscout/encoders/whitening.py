"""Whitening: damp the directions in which the vectors of one relation differ.

Sentences of one relation differ by their subject, their style and their entities. Where these differences are measured
on many relations of many corpora, they are much the same for relations that nobody has labelled, and the vectors are
compared better without them. This is within-class covariance normalisation (Hatch, Kajarekar, Stolcke: "Within-class
covariance normalization for SVM-based speaker recognition", Interspeech 2006), in the directions of the largest
variance only: all others are left as they are, so that a few hundred directions suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError
from relscout.core.files import whole_file
from relscout.encoders.pooling import parse_pooling, turned

if TYPE_CHECKING:
    from torch import Tensor

#: The file in an adapter's folder.
WHITENING = "whitening.safetensors"
#: Rows that are multiplied at once: always as many, so that a vector does not depend on the others; few, because one
#: sentence costs as much as all of them.
_ROWS = 16
_NEAR_ZERO = 1e-12


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
        dimension = vectors.shape[1]
        covariance = np.zeros((dimension, dimension))
        for number in np.unique(set_of):
            scatter, freedom = np.zeros_like(covariance), 0
            for relation in np.flatnonzero(set_of == number):
                views = [vectors[classes == relation]]
                if marking == "none":
                    views.append(turned(torch.from_numpy(views[0]), parts, hidden_size).numpy())
                for some in views:
                    centred = some.astype(np.float64) - some.mean(axis=0, dtype=np.float64)
                    scatter += centred.T @ centred
                    freedom += max(len(some) - 1, 0)
            covariance += scatter / max(freedom, 1)
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
