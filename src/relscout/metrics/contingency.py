"""Counts of instances per cluster and gold class, and the best one-to-one match between the two."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError

Labels: TypeAlias = Sequence[Any] | NDArray[Any]
"""One label per instance: strings, integers, tuples or anything else that can be a dictionary key."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedLabels:
    """Labels as indices into their sorted distinct values."""

    codes: NDArray[np.int64]
    """(N,) index into ``names`` for every instance."""

    names: Sequence[Hashable]
    """The distinct labels, sorted, so that nothing depends on which one came first."""


def paired(first: Labels, second: Labels, *, roles: tuple[str, str]) -> tuple[CodedLabels, CodedLabels]:
    """Code two aligned sequences of labels.

    Args:
        first: (N,) labels.
        second: (N,) labels of the same instances in the same order.
        roles: What the two are called in an error, such as ``("found", "gold")``.

    Raises:
        InputError: The lengths differ, there is no label at all, or a label is missing (``None`` or NaN),
            cannot be compared (a tensor) or cannot be a dictionary key (a list).
    """
    checked = [_one_dimensional(labels, role) for labels, role in zip((first, second), roles, strict=True)]
    lengths = [len(labels) for labels in checked]
    if lengths[0] != lengths[1]:
        raise InputError(
            f"{lengths[0]} {roles[0]} labels stand against {lengths[1]} {roles[1]} labels; "
            "expected one of each per instance, in the same order"
        )
    if lengths[0] == 0:
        raise InputError(f"0 {roles[0]} and 0 {roles[1]} labels; at least one instance is needed for a score")
    return code(checked[0], roles[0]), code(checked[1], roles[1])


def code(labels: Labels, role: str) -> CodedLabels:
    """Code one sequence of labels; see :func:`paired` for the arguments and errors."""
    values = _one_dimensional(labels, role)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "iu":
            distinct, codes = np.unique(values, return_inverse=True)
            return CodedLabels(codes.astype(np.int64, copy=False), distinct.tolist())
        values = values.tolist()
    try:
        names = _sorted(_checked(dict.fromkeys(values), values, role))
    except TypeError as error:
        raise InputError(
            f"a {role} label cannot be a label: {error}; expected strings or integers"
        ) from error
    position = {name: index for index, name in enumerate(names)}
    return CodedLabels(np.fromiter(map(position.__getitem__, values), np.int64, len(values)), names)


def _one_dimensional(labels: Labels, role: str) -> Labels:
    if isinstance(labels, Sequence) and not isinstance(labels, (str, bytes)):
        return labels
    if not hasattr(labels, "__array__"):
        raise InputError(
            f"{role} labels came as a {type(labels).__name__}; "
            "expected a list, a tuple or an array, one label per instance"
        )
    array = np.asarray(labels)
    if array.ndim != 1:
        raise InputError(
            f"{role} labels have shape {array.shape}; expected one dimension, one label per instance"
        )
    return array


def _checked(distinct: Iterable[Hashable], labels: Sequence[Any], role: str) -> list[Hashable]:
    names = list(distinct)
    kinds = set(map(type, names))
    if type(None) in kinds:
        missing = sum(label is None for label in labels)
        raise InputError(
            f"{missing} of {len(labels)} {role} labels are None, the first at index {labels.index(None)}; "
            "score only instances whose label is known"
        )
    # only NaN differs from itself
    if any(issubclass(kind, (float, np.floating)) for kind in kinds) and any(x != x for x in names):
        raise InputError(
            f"some of the {len(labels)} {role} labels are NaN; score only instances with a label"
        )
    for kind in kinds:
        if hasattr(kind, "__array__") and not issubclass(kind, np.generic):
            raise InputError(
                f"{role} labels are {kind.__name__} objects; expected plain values or one array: try tolist()"
            )
    return names


def _sorted(names: list[Any]) -> list[Any]:
    try:
        return sorted(names)
    except TypeError:
        return sorted(names, key=repr)


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
    """Return for each given cell whether no other given cell shares its cluster (or class)."""
    inside = side[cells]
    return np.asarray(np.bincount(inside)[inside] == 1)
