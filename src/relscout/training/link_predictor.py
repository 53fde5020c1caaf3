"""The link predictor of Marcheggiani and Titov: which entity fills the place of another in a relation.

Marcheggiani and Titov, "Discrete-State Variational Autoencoders for Joint Discovery and Factorization of Relations"
(TACL 2016). A relation classifier is trained without labels by the question which of its relations helps to predict an
entity from the other one. The score of a triple is the sum of RESCAL's bilinear form and selectional preferences (their
hybrid model):

    ψ(e₁, r, e₂) = e₁ᵀ A_r e₂ + e₁ᵀ B_r + e₂ᵀ C_r

Negative sampling replaces the softmax over all entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from relscout.core.instances import Mention, RelationInstance, normalized
from relscout.core.seeding import generator


@dataclass(frozen=True)
class EntityPairs:
    """The entities of N instances, by number.

    Two mentions are of one entity if they have the same identifier, or, without one, the same normalized name.

    Args:
        heads: Head of each instance (N,), int64.
        tails: Tail of each instance (N,), int64.
        n_entities: Number of entities E; each is the head or the tail of an instance.
    """

    heads: NDArray[np.int64]
    tails: NDArray[np.int64]
    n_entities: int

    @classmethod
    def of(cls, instances: Sequence[RelationInstance]) -> Self:
        """Number the entities of instances in the order of their names, whatever the order of the instances."""
        names = [_entity(instance.head, instance.text) for instance in instances]
        names += [_entity(instance.tail, instance.text) for instance in instances]
        number = {name: place for place, name in enumerate(sorted(set(names)))}
        both = np.array([number[name] for name in names], dtype=np.int64).reshape(2, len(instances))
        return cls(both[0], both[1], len(number))

    def of_contents(self, row_of: NDArray[np.int64]) -> Self:
        """Return the entities of the M contents of these instances; equal instances count once.

        Args:
            row_of: Content of each instance (N,), int64, from 0 to M - 1; each occurs.
        """
        _, first = np.unique(row_of, return_index=True)
        return type(self)(self.heads[first], self.tails[first], self.n_entities)

    def negatives(self, count: int, k: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return entities (count, 2, k), int64, drawn as often as they occur: k for heads and k for tails."""
        mentions = np.concatenate([self.heads, self.tails])
        return mentions[random.integers(len(mentions), size=(count, 2, k))]


def _entity(mention: Mention, text: str) -> tuple[str, str]:
    if mention.entity_id is not None:
        return "", mention.entity_id
    return "name", normalized(mention.surface(text))


#: Standard deviation of the first weights. Scores begin near 0: from large ones, entities are learnt one by one, and no
#: relation is.
_STD = 0.1


class LinkPredictor(nn.Module):
    """Scores ψ of triples, with their loss by negative sampling.

    Args:
        n_entities: Number of entities E.
        n_relations: Number of relations R.
        dimension: Dimensions M of an entity's vector.
        bilinear: Whether ψ has RESCAL's term e₁ᵀ A_r e₂; without it, it has selectional preferences only.
        seed: Random seed of the first weights.
    """

    def __init__(
        self, n_entities: int, n_relations: int, *, dimension: int, bilinear: bool = True, seed: int
    ) -> None:
        super().__init__()
        random = generator(seed, "link predictor")

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy((_STD * random.standard_normal(shape)).astype(np.float32)))

        self.entities = drawn(n_entities, dimension)  # e (E, M)
        self.head_preferences = drawn(n_relations, dimension)  # B (R, M)
        self.tail_preferences = drawn(n_relations, dimension)  # C (R, M)
        self.bilinear = drawn(n_relations, dimension, dimension) if bilinear else None  # A (R, M, M)

    def forward(self, heads: Tensor, tails: Tensor) -> Tensor:
        """Return ψ (B, R), float32, of head and tail entities (B,), int64, for every relation."""
        return _dot(*self._reader(heads, of_head=True), self.entities[tails][:, None])[..., 0]

    def loss(self, shares: Tensor, heads: Tensor, tails: Tensor, negatives: Tensor) -> Tensor:
        """Return the mean expected loss of the entities of some instances, a scalar (Simon et al. 2019, L_LP).

            L = mean Σ_r p_r [−2 log σ(ψ(h, r, t)) − Σ_j log σ(−ψ(h, r, t′_j)) − Σ_j log σ(−ψ(h′_j, r, t))]

        Args:
            shares: p, probability of each relation for each instance (B, R); gradients reach it.
            heads: Head entities (B,), int64.
            tails: Tail entities (B,), int64.
            negatives: Entities drawn in place of the heads h′ and the tails t′ (B, 2, k), int64.
        """
        of_head, of_tail = self._reader(heads, of_head=True), self._reader(tails, of_head=False)
        true = _dot(*of_head, self.entities[tails][:, None])[..., 0]  # (B, R)
        false = torch.cat(
            [
                _dot(*of_head, self.entities[negatives[:, 1]]),
                _dot(*of_tail, self.entities[negatives[:, 0]]),
            ],
            dim=2,
        )  # (B, R, 2k)
        losses = -2 * logsigmoid(true) - logsigmoid(-false).sum(dim=2)  # (B, R)
        return (shares * losses).sum(dim=1).mean()

    def _reader(self, entities: Tensor, *, of_head: bool) -> tuple[Tensor, Tensor]:
        """Return what ψ is for a given entity: a weight (B, R, M) and a bias (B, R) for the vector of the other."""
        e = self.entities[entities]  # (B, M)
        own, other = self.head_preferences, self.tail_preferences
        if not of_head:
            own, other = other, own
        weight = other.expand(len(e), *other.shape)  # (B, R, M)
        if self.bilinear is not None:
            form = "bm,rmn->brn" if of_head else "bn,rmn->brm"
            weight = weight + torch.einsum(form, e, self.bilinear)
        return weight, e @ own.T


def _dot(weight: Tensor, bias: Tensor, vectors: Tensor) -> Tensor:
    """Return the scores (B, R, k) of vectors (B, k, M)."""
    return weight @ vectors.transpose(1, 2) + bias[..., None]
