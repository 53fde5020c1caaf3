"""Pre-defined relations, novel ones and no relation, as one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.methods.transfer.relatedness import Relatedness
from relscout.methods.transfer.sorting import Sorting
from relscout.methods.unrelated.joined import with_none
from relscout.methods.vectors import outputs_by_size
from relscout.training.stored import below


@dataclass(frozen=True)
class OpenWorld:
    """Novel and pre-defined relations as one list, numbered by size, none that nobody chose; no relation behind them.

    Args:
        sorting: Tells which are which.
        outputs: What each relation is (R,), int64: a novel one below K, the pre-defined relation c at K + c.
        names: Of the pre-defined relations, by their class.
        n_novel: K.
        relatedness: Tells whether there is any relation; ``None`` where every instance is given one.
    """

    sorting: Sorting
    outputs: NDArray[np.int64]
    names: tuple[str, ...]
    n_novel: int
    relatedness: Relatedness | None

    @classmethod
    def of(
        cls,
        sorting: Sorting,
        relatedness: Relatedness | None,
        names: Sequence[str],
        vectors: NDArray[np.float32],
        novel: NDArray[np.float32],
    ) -> Self:
        """Number the relations of what was fitted.

        Args:
            sorting: Tells which are which.
            relatedness: Tells whether there is any relation.
            names: Of the pre-defined relations, by their class.
            vectors: Of the instances that have a relation (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
        """
        joined = sorting.joined(vectors, novel)
        n_outputs = joined.shape[1]
        outputs = outputs_by_size(joined.argmax(axis=1).astype(np.int64), n_outputs)
        while True:
            found = cls(sorting, outputs, tuple(names), novel.shape[1], relatedness)
            # what is left out makes the others likelier, and rounding may decide between two that are as likely
            told = outputs[found.probabilities(vectors, novel, None).argmax(axis=1)]
            if len(np.unique(told)) == len(outputs):
                return found
            outputs = outputs_by_size(told, n_outputs)

    @property
    def given_names(self) -> dict[int, str]:
        """Names of the pre-defined relations by their number."""
        return {
            number: self.names[output - self.n_novel]
            for number, output in enumerate(self.outputs.tolist())
            if output >= self.n_novel
        }

    def probabilities(
        self,
        vectors: NDArray[np.float32],
        novel: NDArray[np.float32],
        none: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation, and last that of none if that is told (N, R or R + 1), float32.

        Args:
            vectors: (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
            none: What :meth:`Relatedness.none` says of the frozen vectors (N,), float32.
        """
        found = self.sorting.joined(vectors, novel)[:, self.outputs]
        # what speaks for a relation that the corpus does not have speaks for none of these
        found += (1 - found.sum(axis=1, keepdims=True)) / found.shape[1]
        if none is None:
            return found
        return with_none(found, none)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the names as arrays, to be saved."""
        of_none = self.relatedness.arrays() if self.relatedness else {}
        return {
            "outputs": self.outputs,
            "n_novel": np.array([self.n_novel], dtype=np.int64),
            **{f"sorting.{name}": array for name, array in self.sorting.arrays().items()},
            **{f"relatedness.{name}": array for name, array in of_none.items()},
        }

    @classmethod
    def restored(cls, arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Self:
        """Build it from what :meth:`arrays` gave."""
        sorting = Sorting.restored(below("sorting.", arrays))
        of_none = below("relatedness.", arrays)
        relatedness = Relatedness.restored(of_none) if of_none else None
        return cls(sorting, arrays["outputs"], tuple(names), int(arrays["n_novel"][0]), relatedness)
