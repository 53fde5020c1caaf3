"""The best one-to-one match of found clusters and gold classes (Kuhn 1955, the Hungarian method)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.metrics.contingency import Contingency, tabulate
from relscout.metrics.labels import Labels, paired

#: Largest K · C that is solved as a dense matrix (32 MB of float64); above it the sparse solver is faster.
DENSE_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which found cluster stands for which gold class."""

    mapping: dict[Hashable, Hashable]
    """Found label → gold label. A cluster that got no class, or shares no instance with it, is left out."""

    accuracy: float
    """Share of all instances whose cluster is mapped to their gold class, 0 to 1."""


def align(found: Labels, gold: Labels) -> Alignment:
    """Match clusters and classes one to one so that as many instances as possible agree.

    Labels may be of any kind and need not be contiguous; the number of clusters may differ from the number of
    classes. Instances of clusters without a class count as wrong. Between equally good matches the sorted
    order of the labels decides, not the order of the instances.

    Args:
        found: (N,) labels of the clusters.
        gold: (N,) gold labels of the same instances.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
    """
    found_coded, gold_coded = paired(found, gold, roles=("found", "gold"))
    table = tabulate(found_coded, gold_coded)
    cells = matched_cells(table)
    mapping = {
        found_coded.names[cluster]: gold_coded.names[category]
        for cluster, category in zip(table.found[cells].tolist(), table.gold[cells].tolist(), strict=True)
    }
    return Alignment(mapping, matched_share(table, cells))


def matched_share(table: Contingency, cells: NDArray[np.int64]) -> float:
    """Return the share of all instances that lie in the given cells, 0 to 1."""
    return float(table.count[cells].sum() / table.count.sum())


def matched_cells(table: Contingency, *, dense_cells: int = DENSE_CELLS) -> NDArray[np.int64]:
    """Return the cells of the best match: (M,) indices into the table's cells, M <= min(K, C).

    Up to ``dense_cells`` = K · C the table is solved as a dense matrix, above it as a sparse graph: the share
    of matched instances is the same, and memory then grows with the number of instances only.
    """
    if len(table.found_sizes) * len(table.gold_sizes) <= dense_cells:
        return _solve_dense(table)
    kept = _contested_or_best(table)
    alone = _alone(table.found, kept) & _alone(table.gold, kept)
    return np.concatenate([kept[alone], _solve_sparse(table, kept[~alone])])


def _solve_dense(table: Contingency) -> NDArray[np.int64]:
    from scipy.optimize import linear_sum_assignment

    cost = np.zeros((len(table.found_sizes), len(table.gold_sizes)))  # (K, C)
    cost[table.found, table.gold] = -table.count
    chosen = np.full(len(table.found_sizes), -1)
    rows, columns = linear_sum_assignment(cost)
    chosen[rows] = columns
    return np.flatnonzero(chosen[table.found] == table.gold)


def _solve_sparse(table: Contingency, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not len(cells):
        return cells
    sides = [np.unique(side[cells], return_inverse=True)[1] for side in (table.found, table.gold)]
    columns, rows = sorted(sides, key=lambda side: int(side.max()), reverse=True)
    n_rows, n_columns = int(rows.max()) + 1, int(columns.max()) + 1
    count = table.count[cells]
    # The solver matches every row and takes no weight of zero: a column of its own is a row's "no partner".
    unmatched = float(count.max() + 1)
    own = np.arange(n_rows)
    weights = np.concatenate([unmatched - count, np.full(n_rows, unmatched)])
    row_of, column_of = np.concatenate([rows, own]), np.concatenate([columns, n_columns + own])
    matrix = csr_array((weights, (row_of, column_of)), shape=(n_rows, n_columns + n_rows))
    chosen = np.full(n_rows, -1)
    matched_rows, matched_columns = min_weight_full_bipartite_matching(matrix)
    chosen[matched_rows] = matched_columns
    return np.asarray(cells[chosen[rows] == columns])


def _contested_or_best(table: Contingency) -> NDArray[np.int64]:
    """Drop cells that cannot improve a match, so that a million singletons leave one cell per class.

    Of all clusters that lie wholly in one class only the largest can be worth matching; likewise for classes.
    """
    kept = np.arange(len(table.count))
    for own, other in ((table.found, table.gold), (table.gold, table.found)):
        alone = _alone(own, kept)
        rivals = kept[alone]
        rivals = rivals[np.lexsort((own[rivals], -table.count[rivals], other[rivals]))]
        best = np.ones(len(rivals), dtype=bool)
        best[1:] = other[rivals[1:]] != other[rivals[:-1]]
        kept = np.sort(np.concatenate([kept[~alone], rivals[best]]))
    return kept


def _alone(side: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for every given cell whether its cluster (or class) has no other of them."""
    inside = side[cells]
    return np.asarray(np.bincount(inside)[inside] == 1)
