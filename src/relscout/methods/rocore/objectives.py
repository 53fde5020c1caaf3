"""The equations of RoCORE, on torch tensors; the numbers are the paper's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def class_means(codes: Tensor, classes: Tensor, n_classes: int) -> Tensor:
    """Return the centroids c_r of the pre-defined relations (eq. 5).

    Args:
        codes: h′ of the labelled instances (N, Z).
        classes: Their relations (N,), int64, every one from 0 to C - 1 among them.
        n_classes: C.

    Returns:
        Centroids (C, Z).
    """
    import torch

    sums = torch.zeros((n_classes, codes.shape[1]), dtype=codes.dtype, device=codes.device)
    sums.index_add_(0, classes, codes)
    return sums / torch.bincount(classes, minlength=n_classes)[:, None]


def center_loss(codes: Tensor, centroids: Tensor) -> Tensor:
    """Return ½ · mean ‖h′_i − c_{y_i}‖² (eq. 4), a scalar.

    Args:
        codes: h′ (N, Z).
        centroids: The centroid of each instance's relation (N, Z).
    """
    return (codes - centroids).square().sum(dim=1).mean() / 2


def reconstruction_loss(restored: Tensor, given: Tensor, *, scale: str = "sum") -> Tensor:
    """Return the reconstruction error (first term of eq. 6), a scalar.

    Args:
        restored: d(h′) (N, D).
        given: h (N, D).
        scale: ``sum``: ½ · mean ‖d(h′_i) − h_i‖², as in the paper. ``mean``: the mean over instances and dimensions, as
            in the released code; this is 2/D times the other, so that a weight λ beside it counts D/2 times as much.
    """
    squared = (restored - given).square()
    return squared.mean() if scale == "mean" else squared.sum(dim=1).mean() / 2


def same_cluster(labels: Tensor) -> Tensor:
    """Return q_ij (eq. 8): whether two instances have the same pseudo label, (B, B), bool."""
    return labels[:, None] == labels[None, :]


def divergences(logits: Tensor) -> Tensor:
    """Return D_KL(P*_i ‖ P_j) (eq. 10) of all pairs (B, B); the first of each pair is a constant to the gradient.

    Args:
        logits: Scores of the novel relations (B, C), the distributions' logarithms up to a constant.
    """
    log_q = logits.log_softmax(dim=1)  # (B, C)
    log_p = log_q.detach()
    p = log_p.exp()
    return (p * log_p).sum(dim=1, keepdim=True) - p @ log_q.T


def hinge(divergence: Tensor, margin: float) -> Tensor:
    """Return max(0, σ − e) (eq. 12)."""
    return (margin - divergence).clamp(min=0)


def pairwise_loss(logits: Tensor, same: Tensor, *, margin: float) -> Tensor:
    """Return the mean of L_BCE (eq. 9, 11, 13) over all pairs (i, j) of a batch, a scalar.

    The paper does not say which pairs; these are all, i = j among them, whose loss is 0. Each pair has two terms, in
    which either side is the constant once; summed over all pairs both are the same.

    Args:
        logits: Scores of the novel relations (B, C).
        same: q (B, B), bool.
        margin: σ.
    """
    found = divergences(logits)
    return 2 * found.where(same, hinge(found, margin)).mean()


def ramp_up(epoch: int, *, weight: float, length: int) -> float:
    """Return μ(t) = μ₀ · exp(−5 (1 − t/T)²) (eq. 17), and μ₀ behind T.

    Args:
        epoch: t, from 1.
        weight: μ₀.
        length: T.
    """
    return weight * math.exp(-5 * (1 - min(epoch, length) / length) ** 2)
