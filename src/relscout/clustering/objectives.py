"""The equations of adaptive clustering, on torch tensors; gradients flow through all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def student_t(codes: Tensor, centroids: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Return the soft assignment q (SelfORE eq. 7): a Student t-distribution around each centroid.

    Args:
        codes: z (N, Z).
        centroids: μ (K, Z).
        alpha: Degrees of freedom, > 0.

    Returns:
        q (N, K), rows summing to 1.
    """
    squared = (
        (codes * codes).sum(dim=1, keepdim=True)
        - 2 * codes @ centroids.T
        + (centroids * centroids).sum(dim=1)
    ).clamp(min=0)  # (N, K); rounding may fall below 0
    # the kernel (1 + ‖z − μ‖² / α)^(−(α + 1) / 2) by its logarithm: its power underflows for a large α
    return (-(alpha + 1) / 2 * (squared / alpha).log1p()).softmax(dim=1)


def target_distribution(q: Tensor, frequencies: Tensor | None = None) -> Tensor:
    """Return p (SelfORE eq. 8): the assignment sharpened, and no cluster favoured for its size.

    Args:
        q: Soft assignment (N, K).
        frequencies: f_k (K,); Σ_n q_nk where left out.

    Returns:
        p (N, K), rows summing to 1.
    """
    soft_sizes = q.sum(dim=0) if frequencies is None else frequencies.to(q.dtype)
    weighted = q * q / soft_sizes
    return weighted / weighted.sum(dim=1, keepdim=True)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(P‖Q) = Σ_n Σ_k p_nk log(p_nk / q_nk) (SelfORE eq. 9), a scalar in nats."""
    import torch

    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()
