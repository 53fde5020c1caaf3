"""What training minimises, on torch tensors of logits z of "the same relation": p = σ(z). All are means, in nats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

#: Length of the step with which the direction of the strongest change is sought, in the units of the vectors.
_PROBE = 1e-2


def conditional_entropy(logits: Tensor) -> Tensor:
    """Return −p log p − (1 − p) log(1 − p): 0 where every pair is decided, log 2 where none is."""
    return _cross_entropy(logits.sigmoid(), logits)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return KL(p‖p′) = p log(p / p′) + (1 − p) log((1 − p) / (1 − p′)), from the logits of p and p′."""
    p = logits.sigmoid()
    return _cross_entropy(p, others) - _cross_entropy(p, logits)


def adversarial_divergence(
    logit: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor, *, length: float
) -> Tensor:
    """Return how much predictions change when vectors move a little in the worst direction (Miyato et al. 2018).

    KL(p(x)‖p(x + r)), r the direction in which this grows fastest, found by one step of the power method from a random
    one. Gradients flow through p(x + r) only.

    Args:
        logit: From both vectors of each pair to z (P,).
        left: One vector of each pair (P, D).
        right: The other (P, D).
        length: ‖r‖ of each vector, as the root of its mean square.
    """
    import torch

    with torch.no_grad():
        clean = logit(left, right)
    fixed = [left.detach(), right.detach()]
    probes = [_scaled(torch.randn_like(side), _PROBE).requires_grad_(True) for side in fixed]
    changed = divergence(clean, logit(*(side + probe for side, probe in zip(fixed, probes, strict=True))))
    steepest = torch.autograd.grad(changed, probes)
    moved = [side + _scaled(way, length) for side, way in zip((left, right), steepest, strict=True)]
    return divergence(clean, logit(*moved))


def _cross_entropy(p: Tensor, logits: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, p)


def _scaled(vectors: Tensor, length: float) -> Tensor:
    root_mean_square = vectors.square().mean(dim=1, keepdim=True).sqrt()
    return vectors * (length / root_mean_square.clamp(min=1e-30))
