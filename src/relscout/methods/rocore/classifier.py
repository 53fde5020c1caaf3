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
        novel: η_u, its outputs by size, none that nobody chose.
        unified: η_l of incremental learning: the pre-defined relations by name, the novel ones behind them as in
            ``novel``; ``None`` where there is none.
        predefined: Names of the pre-defined relations, sorted.
        relation_of: Novel relation of each output of ``novel`` (K̂,), int64: relations by size, none without outputs.
    """

    novel: Linear
    unified: Linear | None
    predefined: tuple[str, ...]
    relation_of: NDArray[np.int64]

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
            unified: η_l of incremental learning.
            names: Pre-defined relations in the order of the outputs of η_l.
            vectors: Of what was clustered (N, D), of unit length.
            n_relations: Number of novel relations, into which more outputs are merged.
            seed: Draws the starts of the merging.
        """
        outputs = outputs_by_size(novel.scores(vectors).argmax(axis=1), len(novel.bias))
        by_name = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        if unified is not None:
            unified = unified.chosen(np.concatenate([by_name, len(names) + outputs]))
        novel = novel.chosen(outputs)
        relation_of = np.arange(len(outputs))
        if len(outputs) > n_relations:
            labels = novel.scores(vectors).argmax(axis=1)
            groups = merged(vectors, labels, n_relations, seed=seed)
            relation_of = np.argsort(largest_first(groups[labels], int(groups.max()) + 1))[groups]
        return cls(novel, unified, tuple(names[place] for place in by_name), relation_of)

    @property
    def n_relations(self) -> int:
        """Number of novel relations K."""
        return int(self.relation_of.max()) + 1

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how well each vector of unit length fits each novel relation (N, K), float32."""
        return of_relations(self.novel.shares(vectors), self.relation_of)

    def numbered(self, outputs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pre-defined relation, or behind these the novel one (N,), int64, of outputs of ``unified``."""
        n_known = len(self.predefined)
        table = np.concatenate([np.arange(n_known), n_known + self.relation_of])
        return np.asarray(table[outputs], dtype=np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the names as arrays, to be saved."""
        found: dict[str, NDArray[Any]] = {f"novel.{name}": array for name, array in vars(self.novel).items()}
        found["relation_of"] = self.relation_of
        if self.unified is not None:
            found |= {f"unified.{name}": array for name, array in vars(self.unified).items()}
        return found

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], predefined: Sequence[str]) -> Self:
        """Build classifiers from what :meth:`arrays` gave; other arrays are passed over."""
        unified = below("unified.", arrays)
        return cls(
            Linear(**below("novel.", arrays)),
            Linear(**unified) if unified else None,
            tuple(predefined),
            arrays["relation_of"],
        )
