"""Link prediction as the signal of discriminative relation discovery, and the losses that keep relations apart.

Marcheggiani and Titov, "Discrete-State Variational Autoencoders for Joint Discovery and Factorization of Relations"
(TACL 2016), predict the entities of a sentence from its relation. Simon, Guigue and Piwowarski, "Unsupervised
Information Extraction: Regularizing Discriminative Approaches with Relation Distribution Losses" (ACL 2019), add the
losses of skewness and dispersion. Built from the papers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Mention, RelationInstance, normalized

if TYPE_CHECKING:
    from torch import Tensor


def skewness(log_p: Tensor) -> Tensor:
    """Return L_S = E[H(R | x)] of Simon et al. (2019), a scalar in [0, log K]: low if each row is sure of a relation.

    Args:
        log_p: Logarithms of the probabilities of the relations (B, K).
    """
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def dispersion(log_p: Tensor) -> Tensor:
    """Return L_D = KL(P(R) ‖ U) of Simon et al. (2019), a scalar in [0, log K]: low if all relations are equally used.

    Args:
        log_p: Logarithms of the probabilities of the relations (B, K), whose mean over the batch estimates P(R).
    """
    mean = log_p.exp().mean(dim=0).clamp(min=1e-12)
    divergence: Tensor = (mean * mean.log()).sum() + math.log(log_p.shape[1])
    return divergence


def entity_numbers(instances: list[RelationInstance]) -> tuple[NDArray[np.int64], int]:
    """Return the numbers of head and tail entities (N, 2), int64, and how many entities there are.

    An entity is its identifier, or its name without regard to case where it has none.
    """
    numbers: dict[str, int] = {}

    def number(mention: Mention, text: str) -> int:
        key = mention.entity_id or normalized(mention.surface(text))
        return numbers.setdefault(key, len(numbers))

    pairs = [
        (number(instance.head, instance.text), number(instance.tail, instance.text)) for instance in instances
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), len(numbers)


class LinkPredictor:
    """The energy ψ of two entities and a relation: RESCAL and selectional preferences (Simon et al. 2019, eq. 4).

    ψ(e₁, r, e₂) = u₁ᵀ A_r u₂ + u₁ᵀ B_r + u₂ᵀ C_r

    Args:
        n_entities: Number of entities.
        n_relations: Number of relations K.
        width: Width D of the embeddings u of the entities.
    """

    def __init__(self, n_entities: int, n_relations: int, *, width: int) -> None:
        import torch

        self.entities = torch.nn.Parameter(torch.randn(n_entities, width) / width**0.5)
        self.a = torch.nn.Parameter(torch.randn(n_relations, width, width) / width)
        self.b = torch.nn.Parameter(torch.randn(width, n_relations) / width**0.5)
        self.c = torch.nn.Parameter(torch.randn(width, n_relations) / width**0.5)

    def parameters(self) -> list[Tensor]:
        """Return the trained tensors."""
        return [self.entities, self.a, self.b, self.c]

    def loss(self, log_p: Tensor, pairs: Tensor, negatives: Tensor) -> Tensor:
        """Return L_LP (Simon et al. 2019, eq. 5), a scalar, with the exact expectation over the relations.

        Args:
            log_p: Logarithms of the probabilities of the relations (B, K).
            pairs: Head and tail entities (B, 2), int64.
            negatives: Entities that replace the tail, and entities that replace the head (2, B, J), int64.
        """
        import torch
        from torch.nn.functional import logsigmoid

        head, tail = self.entities[pairs[:, 0]], self.entities[pairs[:, 1]]  # (B, D)
        other_tails, other_heads = self.entities[negatives[0]], self.entities[negatives[1]]  # (B, J, D)
        of_head = torch.einsum("bd,kde->bke", head, self.a)  # u₁ᵀ A_r, (B, K, D)
        of_tail = torch.einsum("be,kde->bkd", tail, self.a)  # A_r u₂, (B, K, D)
        head_fits, tail_fits = head @ self.b, tail @ self.c  # (B, K)
        true = (of_head * tail[:, None]).sum(dim=2) + head_fits + tail_fits
        # (B, J, K)
        wrong_tails = other_tails @ of_head.transpose(1, 2) + head_fits[:, None] + other_tails @ self.c
        wrong_heads = other_heads @ of_tail.transpose(1, 2) + other_heads @ self.b + tail_fits[:, None]
        energy = -2 * logsigmoid(true)
        energy = energy - logsigmoid(-wrong_tails).sum(dim=1) - logsigmoid(-wrong_heads).sum(dim=1)
        return (log_p.exp() * energy).sum(dim=1).mean()
