"""The equations of Siamese URE, on torch tensors; the numbers are the paper's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def negative_cosine(predicted: Tensor, target: Tensor) -> Tensor:
    """Return D(d, g′) = −mean cos(d_i, g′_i) (eq. 6), a scalar; the target is a constant to the gradient.

    Args:
        predicted: d (B, D).
        target: g′ (B, D).
    """
    from torch.nn.functional import cosine_similarity

    return -cosine_similarity(predicted, target.detach(), dim=1).mean()


def similarity_loss(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    """Return L_Rl = ½ [D(d, g′) + D(d′, g)] (eq. 5), a scalar.

    Args:
        first: g and d of the first view, (B, D) each.
        second: g′ and d′ of the second.
    """
    (g, d), (other_g, other_d) = first, second
    return (negative_cosine(d, other_g) + negative_cosine(other_d, g)) / 2


def consistency_loss(logits: Tensor, of_neighbours: Tensor, *, scale: str = "sum") -> Tensor:
    """Return −mean_i Σ_k log ⟨Φ(x_i), Φ(k)⟩ (eq. 7, first term), a scalar.

    Args:
        logits: Scores of the clusters, whose softmax is Φ(x_i) (B, C).
        of_neighbours: Those of the neighbours of each (B, K, C).
        scale: ``sum`` over the neighbours, or their ``mean``.
    """
    both = logits.log_softmax(dim=1)[:, None] + of_neighbours.log_softmax(dim=2)  # (B, K, C)
    agreed = both.logsumexp(dim=2)  # log of the inner product (B, K)
    return -(agreed.mean() if scale == "mean" else agreed.sum(dim=1).mean())


def negative_entropy(logits: Tensor) -> Tensor:
    """Return Σ_c Φ′_c log Φ′_c of the mean Φ′ of the batch (eq. 7, second term, and 8), a scalar in [−log C, 0].

    Args:
        logits: Scores of the clusters (B, C).
    """
    # the paper's Φ′ is the mean over all instances; a batch stands in for them, as in SCAN. Clamped, since the slope of
    # p log p is without end where a cluster is empty
    mean = logits.softmax(dim=1).mean(dim=0).clamp(min=1e-12)
    found: Tensor = (mean * mean.log()).sum()
    return found


def pull_together(h: Tensor, neighbours: Tensor) -> Tensor:
    """Return −mean cos(h_i, h_k), a scalar: the second loss of the released code, in place of eq. 7.

    Args:
        h: Representations (B, D).
        neighbours: Those of the neighbours of each (B, K, D); gradients reach both.
    """
    from torch.nn.functional import cosine_similarity

    return -cosine_similarity(h[:, None], neighbours, dim=2).mean()
