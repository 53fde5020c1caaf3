"""The contrasts of HiURE, on torch tensors: of instances, and of prototypes with a temperature of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

#: Percentiles to which temperatures are clipped.
_LOWEST, _HIGHEST = 10, 90


def instance_contrast(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Return InfoNCE: −mean_i log [exp(v_i·v′_i / τ) / Σ_j exp(v_i·v′_j / τ)], of both directions, a scalar.

    Args:
        first: A view of each instance (B, D), of unit length.
        second: Another view of each (B, D), of unit length; those of the others are the negatives.
        temperature: τ, above 0.
    """
    import torch
    from torch.nn.functional import cross_entropy

    similar = first @ second.T / temperature  # (B, B)
    own = torch.arange(len(first), device=first.device)
    return (cross_entropy(similar, own) + cross_entropy(similar.T, own)) / 2


def prototype_contrast(views: Tensor, prototypes: Tensor, temperatures: Tensor, own: Tensor) -> Tensor:
    """Return ProtoNCE: −mean_i log [exp(v_i·c_s / φ_s) / Σ_j exp(v_i·c_j / φ_j)], a scalar.

    Args:
        views: (B, D), of unit length.
        prototypes: c (C, D), of unit length, constants to the gradient.
        temperatures: φ (C,), above 0.
        own: Prototype s of each view (B,), int64.
    """
    from torch.nn.functional import cross_entropy

    return cross_entropy(views @ prototypes.T / temperatures, own)


def cluster_temperatures(
    vectors: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    smoothing: float,
    mean: float,
) -> NDArray[np.float32]:
    """Return φ_c = Σ_{i in c} ‖v_i − c‖ / (n_c log(n_c + α)), clipped and scaled (C,), float32.

    A loose cluster, and a small one, gets a high temperature, which lets it pull less; so clusters become alike in how
    tight they are. Values beyond the 10th and 90th percentile are clipped to these, and all are scaled to the mean τ.

    Args:
        vectors: v (N, D), of unit length.
        prototypes: c (C, D), of unit length; to each belongs at least one vector.
        labels: Prototype of each vector (N,).
        smoothing: α, above 0.
        mean: τ, above 0.
    """
    sizes = np.bincount(labels, minlength=len(prototypes))
    distances = np.linalg.norm(vectors - prototypes[labels], axis=1)
    found = np.bincount(labels, weights=distances, minlength=len(prototypes)) / (
        sizes * np.log(sizes + smoothing)
    )
    # a vector is no distance from itself: how loose a cluster of one is cannot be told, so the loosest stands in
    found[sizes == 1] = found.max()
    found = np.clip(found, *np.percentile(found, [_LOWEST, _HIGHEST]))
    total = found.mean()
    scaled = found / total * mean if total > 0 else np.full(len(found), mean)
    # where all members are one and the same, the temperature would be 0
    return np.asarray(np.maximum(scaled, 1e-3 * mean), dtype=np.float32)
