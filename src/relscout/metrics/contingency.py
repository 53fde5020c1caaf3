"""How many instances every found cluster shares with every gold class: the one table behind all scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.metrics.labels import CodedLabels


@dataclass(frozen=True, slots=True, eq=False)
class Contingency:
    """A sparse contingency table of K clusters and C classes; only cells that hold instances are kept."""

    found: NDArray[np.int64]
    """(cells,) index of the cluster, 0 to K - 1."""

    gold: NDArray[np.int64]
    """(cells,) index of the class, 0 to C - 1."""

    count: NDArray[np.int64]
    """(cells,) instances in both, at least 1."""

    found_sizes: NDArray[np.int64]
    """(K,) instances in every cluster."""

    gold_sizes: NDArray[np.int64]
    """(C,) instances in every class."""

    @classmethod
    def from_cells(
        cls,
        found: NDArray[np.int64],
        gold: NDArray[np.int64],
        count: NDArray[np.int64],
        *,
        shape: tuple[int, int],
    ) -> Contingency:
        """Build the table from distinct cells, dropping empty ones; ``shape`` is (K, C)."""
        if not count.all():
            kept = count > 0
            found, gold, count = found[kept], gold[kept], count[kept]
        # bincount adds its weights as float64: exact, as no sum reaches 2**53 instances
        found_sizes = np.bincount(found, count, minlength=shape[0]).astype(np.int64)
        gold_sizes = np.bincount(gold, count, minlength=shape[1]).astype(np.int64)
        return cls(found, gold, count, found_sizes, gold_sizes)

    @property
    def n_instances(self) -> int:
        """Number of instances in the whole table."""
        return int(self.count.sum())


def tabulate(found: CodedLabels, gold: CodedLabels) -> Contingency:
    """Count the instances of every pair of cluster and class.

    Time and memory grow with the number of instances, not with K · C, so a million singletons are no trouble.
    """
    shape = len(found.names), len(gold.names)
    cell = found.codes * shape[1] + gold.codes  # (N,)
    if shape[0] * shape[1] <= 4 * len(cell):
        count = np.bincount(cell)
        filled = np.flatnonzero(count)
        count = count[filled]
    else:
        filled, count = np.unique(cell, return_counts=True)
    return Contingency.from_cells(filled // shape[1], filled % shape[1], count, shape=shape)
