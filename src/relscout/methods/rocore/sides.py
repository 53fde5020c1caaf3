"""The labelled and the unlabelled side of RoCORE, and the batches that pass both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.prepared import Prepared
from relscout.training.batching import batches_by_length

#: Rows of the unlabelled and of the labelled contents in a step.
Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Sides:
    """What is trained on.

    Args:
        unlabeled: Instances of the novel relations, N of M contents.
        labeled: Instances of the pre-defined ones, each content once.
        classes: Relation of each labelled content, int64, from 0.
        n_known: C_l.
        n_novel: Outputs of η_u: C_u, or the number of pseudo labels where these are more.
    """

    unlabeled: Prepared
    labeled: Prepared
    classes: NDArray[np.int64]
    n_known: int
    n_novel: int

    @classmethod
    def of(cls, unlabeled: Prepared, labeled: Prepared, classes: NDArray[np.int64], n_novel: int) -> Self:
        """Join both sides; ``classes`` are those of the labelled instances."""
        return cls(unlabeled, labeled, _of_contents(labeled, classes), int(classes.max()) + 1, n_novel)

    def pseudo_labels(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the label of each unlabelled content (M,): what reads the same has one.

        Args:
            labels: Those of the instances (N,).
        """
        return _of_contents(self.unlabeled, labels)

    def batches(self, size: int, random: np.random.Generator, *, least: int = 1) -> list[Pair]:
        """Return pairs of batches that pass the unlabelled side, as often as gives ``least`` of them.

        Of the labelled side as many batches are taken, of one pass where that has as many, else of several.
        """
        unlabeled = _pass(self.unlabeled, size, random)
        for _ in range(-(-least // len(unlabeled)) - 1):
            unlabeled += _pass(self.unlabeled, size, random)
        labeled: list[NDArray[np.int64]] = []
        while len(labeled) < len(unlabeled):
            labeled += _pass(self.labeled, size, random)
        return list(zip(unlabeled, labeled[: len(unlabeled)], strict=True))


def _pass(side: Prepared, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    count = len(side.lengths)
    n_batches = -(-count // size)
    return batches_by_length(side.lengths, -(-count // n_batches), random)


def _of_contents(prepared: Prepared, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.empty(len(prepared.lengths), dtype=np.int64)
    found[prepared.row_of] = labels
    return found
