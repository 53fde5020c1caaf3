"""The linear classifiers of a fitted RoCORE, on unit-length vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.methods.merging import merged, of_relations
from relscout.methods.vectors import largest_first, outputs_by_size
from relscout.training.stored import below


@dataclass(frozen=True)
class Linear:
    """A linear classifier.

    Args:
        weight: (K, D), float32.
        bias: (K,), float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each class (N, K), float32, for vectors (N, D) of unit length."""
        # trained on vectors of mean square 1, which are √D times as long
        scale = np.float32(self.weight.shape[1] ** 0.5)
        found: NDArray[np.float32] = vectors @ (self.weight.T * scale) + self.bias
        return found

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each class (N, K), float32: the softmax of the scores."""
        found = self.scores(vectors)
        found -= found.max(axis=1, keepdims=True)
        np.exp(found, out=found)
        found /= found.sum(axis=1, keepdims=True)
        return found

    def chosen(self, outputs: NDArray[np.int64]) -> Linear:
        """Return the classifier of some of the classes, in this order."""
        return Linear(self.weight[outputs], self.bias[outputs])


@dataclass(frozen=True)
class Classifiers:
    """What a fitted RoCORE tells relations by.

    Args:
        linear: η_u, or η_l of incremental learning. Of the novel relations it has the outputs that it tells in the
            corpus, of which η_u tells something, too.
        relation_of: Relation of each output (K̂,), int64: relations by size, pre-defined ones of which nothing was
            found last. Outputs that were merged have the same one.
        predefined: Names of the pre-defined relations, sorted.
        numbers: Relation that each of them is in incremental learning (C,), int64; else empty.
    """

    linear: Linear
    relation_of: NDArray[np.int64]
    predefined: tuple[str, ...]
    numbers: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        novel: Linear,
        unified: Linear | None,
        names: Sequence[str],
        vectors: NDArray[np.float32],
        n_relations: int,
        *,
        seed: int,
    ) -> Self:
        """Put the outputs of trained classifiers in order.

        Args:
            novel: η_u.
            unified: η_l of incremental learning: the pre-defined relations, and behind them the outputs of ``novel``.
            names: Pre-defined relations in the order of the outputs of η_l.
            vectors: Of what was clustered (N, D), of unit length.
            n_relations: Number of novel relations, into which more outputs are merged.
            seed: Draws the starts of the merging.
        """
        labels = novel.scores(vectors).argmax(axis=1)
        outputs = outputs_by_size(labels, len(novel.bias))
        by_name = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        predefined = tuple(names[place] for place in by_name)
        group_of = np.arange(len(outputs))
        if len(outputs) > n_relations:
            member = novel.chosen(outputs).scores(vectors).argmax(axis=1)
            group_of = merged(vectors, member, n_relations, seed=seed)
        linear, given = novel.chosen(outputs), np.arange(0)
        if unified is not None:
            # a novel relation of which η_l tells nothing in the corpus is not there; a pre-defined one has its name
            given = np.arange(len(names))
            chosen = np.isin(len(names) + outputs, unified.scores(vectors).argmax(axis=1))
            outputs, group_of = outputs[chosen], np.unique(group_of[chosen], return_inverse=True)[1]
            linear = unified.chosen(np.concatenate([given, len(names) + outputs]))
            group_of = np.concatenate([given, len(names) + group_of])
        groups = group_of[linear.scores(vectors).argmax(axis=1)]
        relation_of = np.argsort(largest_first(groups, int(group_of.max()) + 1))[group_of]
        return cls(linear, relation_of, predefined, relation_of[by_name] if len(given) else given)

    @property
    def n_relations(self) -> int:
        """Number of relations that are told apart."""
        return int(self.relation_of.max()) + 1

    @property
    def names(self) -> dict[int, str]:
        """Names of the pre-defined relations that are told, by their number."""
        return dict(sorted(zip(self.numbers.tolist(), self.predefined, strict=False)))

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how well each vector of unit length fits each relation (N, K), float32."""
        return of_relations(self.linear.shares(vectors), self.relation_of)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the names as arrays, to be saved."""
        of_linear: dict[str, NDArray[Any]] = {
            f"linear.{name}": array for name, array in vars(self.linear).items()
        }
        return {**of_linear, "relation_of": self.relation_of, "numbers": self.numbers}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], predefined: Sequence[str]) -> Self:
        """Build classifiers from what :meth:`arrays` gave; other arrays are passed over."""
        linear = Linear(**below("linear.", arrays))
        return cls(linear, arrays["relation_of"], tuple(predefined), arrays["numbers"])
