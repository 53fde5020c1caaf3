"""The objectives of pre-training, on representations: CP (Peng et al. 2020) and MTB (Soares et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def contrast_as_printed(x: Tensor, allowed: Tensor) -> Tensor:
    """Return the loss of eq. 2, a scalar: each sentence has one positive, the other of its pair, by dot product.

    L_CP = −log e^(x_A·x_B) / (e^(x_A·x_B) + Σ_i e^(x_A·x_Bⁱ)), the mean over all sentences as x_A. The paper draws N
    sentences as negatives; as its appendix A says, these are the sentences of the batch's other pairs.

    Args:
        x: Representations (2P, D); rows 2i and 2i + 1 are a pair.
        allowed: Which sentences can be negatives of which (2P, 2P), bool; a pair's own sentences never are.
    """
    import torch

    rows = torch.arange(len(x), device=x.device)
    partner = rows ^ 1
    other = (rows != rows[:, None]) & (rows != partner[:, None])
    similarity = x @ x.T  # (2P, 2P)
    positive = similarity[rows, partner]
    among = similarity.masked_fill(~(allowed & other), -torch.inf)
    among[rows, partner] = positive
    return (among.logsumexp(dim=1) - positive).mean()


def contrast_as_released(x: Tensor, positive: Tensor, allowed: Tensor, *, temperature: float) -> Tensor:
    """Return the loss of the released code, a scalar: cosine, and every sentence of the relation is a positive.

    For each anchor a and each of its positives p, −log e^(s_ap) / (e^(s_ap) + Σ_n e^(s_an)) over the negatives n, with
    s = cosine / temperature; the mean over all (a, p), 0 where there are none. Other positives are in no denominator.

    Args:
        x: Representations (B, D).
        positive: Which sentences are positives of which (B, B), bool; nobody is of itself.
        allowed: Which are negatives of which (B, B), bool.
        temperature: Divides the cosines, > 0.
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(x, dim=1)
    similarity = unit @ unit.T / temperature
    negatives = similarity.masked_fill(~allowed, -torch.inf).logsumexp(dim=1, keepdim=True)  # (B, 1)
    losses = torch.logaddexp(similarity, negatives) - similarity
    return losses[positive].sum() / positive.sum().clamp(min=1)


def matching(x: Tensor, same: Tensor) -> Tensor:
    """Return the loss of matching the blanks, a scalar: is it the same entity pair, by dot product?

    The binary cross entropy of p = 1 / (1 + e^(−x_A·x_B)) (Soares et al. 2019, section 4.1, whose exponent has lost its
    sign in print).

    Args:
        x: Representations (2P, D); rows 2i and 2i + 1 are a pair.
        same: Whether each pair names one entity pair (P,), bool.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    similarity = (x[0::2] * x[1::2]).sum(dim=1)  # (P,)
    return binary_cross_entropy_with_logits(similarity, same.to(similarity.dtype))


def nearest_is_positive(x: Tensor, positive: Tensor) -> Tensor:
    """Return whether the sentence that is nearest by cosine is a positive (A,), bool, of the anchors that have one.

    Args:
        x: Representations (B, D).
        positive: Which sentences are positives of which (B, B), bool.
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(x.detach().float(), dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    hits = positive.gather(1, similarity.argmax(dim=1, keepdim=True))[:, 0]
    return hits[positive.any(dim=1)]
