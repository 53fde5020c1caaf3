"""Scores of clusterings: B³, V-measure, ARI, NMI, Hungarian accuracy; majority mapping and trivial baselines.

B³: Bagga and Baldwin 1998, "Algorithms for scoring coreference chains". V-measure: Rosenberg and Hirschberg
2007, equations 1 to 3 with β = 1. ARI: Hubert and Arabie 1985. All of them are read from one sparse
contingency table. Sums run over sorted terms, so neither the order of the instances nor the names of the
labels change a single bit of a score.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError

Protocol: TypeAlias = Literal["raw clusters", "majority mapped"]
"""What was scored: the clusters as found, or the majority gold label of every cluster."""


@dataclass(frozen=True, slots=True)
class ClusteringScores:
    """Agreement of a clustering with gold classes; 1 is perfect.

    Scores of different ``protocol`` are not comparable.
    """

    b3_precision: float
    """Mean over instances of the share of its cluster that has its gold label, above 0 to 1."""
    b3_recall: float
    """Mean over instances of the share of its gold class that is in its cluster, above 0 to 1."""
    b3_f1: float
    """Harmonic mean of B³ precision and recall."""
    homogeneity: float
    """1 - H(C|K) / H(C), 0 to 1; 1 where there is a single gold class."""
    completeness: float
    """1 - H(K|C) / H(K), 0 to 1; 1 where there is a single cluster."""
    v_measure: float
    """Harmonic mean of homogeneity and completeness; 0 where both are 0."""
    ari: float
    """Adjusted Rand index, -0.5 to 1, 0 on average for random clusters."""
    nmi: float
    """Mutual information over the arithmetic mean of both entropies: the V-measure by another name."""
    accuracy: float
    """Share of instances that agree under the best one-to-one match of clusters and classes, 0 to 1."""
    n_instances: int
    n_found: int
    """Number of clusters; for ``"majority mapped"`` after the mapping."""
    n_gold: int
    protocol: Protocol = "raw clusters"

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def score(found: Labels, gold: Labels) -> ClusteringScores:
    """Score raw clusters against gold relations.

    Every label is a cluster, including -1, which some methods assign to instances of no relation. To ignore such
    instances, drop them from both sequences, and report it.

    Args:
        found: (N,) cluster of every instance.
        gold: (N,) gold relation of the same instances in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing (``None`` or NaN).
    """
    return score_table(tabulate(*paired(found, gold, roles=("found", "gold"))))


def score_table(table: Contingency, *, protocol: Protocol = "raw clusters") -> ClusteringScores:
    """Score a contingency table of clusters and gold classes; see :func:`score`.

    V-measure and ARI are those of scikit-learn, which takes labels and no table, so that a bootstrap takes far longer
    with it (measured by ``benchmarks/metrics_speed.py``).
    """
    precision, recall = _b_cubed(table)
    found_entropy, gold_entropy = _entropy(table.found_sizes), _entropy(table.gold_sizes)
    homogeneity = _explained(_conditional_entropy(table.count, table.found_sizes[table.found]), gold_entropy)
    completeness = _explained(_conditional_entropy(table.count, table.gold_sizes[table.gold]), found_entropy)
    v_measure = harmonic_mean(homogeneity, completeness)
    return ClusteringScores(
        b3_precision=precision,
        b3_recall=recall,
        b3_f1=harmonic_mean(precision, recall),
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=v_measure,
        ari=_adjusted_rand(table),
        nmi=v_measure,
        accuracy=matched_share(table, matched_cells(table)),
        n_instances=table.n_instances,
        n_found=int(np.count_nonzero(table.found_sizes)),
        n_gold=int(np.count_nonzero(table.gold_sizes)),
        protocol=protocol,
    )


def harmonic_mean(first: float, second: float) -> float:
    """Return 2ab / (a + b), and 0 where both are 0."""
    return 2.0 * first * second / (first + second) if first + second > 0.0 else 0.0


def _b_cubed(table: Contingency) -> tuple[float, float]:
    """Precision and recall: Σ n_ij · n_ij / |cluster i| and Σ n_ij · n_ij / |class j|, over N."""
    sizes = table.found_sizes[table.found], table.gold_sizes[table.gold]
    precision, recall = (_sum(table.count * (table.count / size)) / table.n_instances for size in sizes)
    return precision, recall


def _entropy(sizes: NDArray[np.int64]) -> float:
    sizes = sizes[sizes > 0]
    return _conditional_entropy(sizes, np.full_like(sizes, sizes.sum()))


def _conditional_entropy(part: NDArray[np.int64], whole: NDArray[np.int64]) -> float:
    """Σ part · log(whole / part), not divided by N: no term is negative, so nothing cancels out."""
    return _sum(np.log1p((whole - part) / part) * part)


def _explained(remaining: float, entropy: float) -> float:
    return max(0.0, 1.0 - remaining / entropy) if entropy > 0.0 else 1.0


def _adjusted_rand(table: Contingency) -> float:
    """ARI from the counts of pairs, in integers of any size until the one division."""
    n = table.n_instances
    squares = [int(np.dot(x, x)) for x in (table.count, table.found_sizes, table.gold_sizes)]
    together = squares[0] - n
    found_only, gold_only = squares[1] - squares[0], squares[2] - squares[0]
    apart = n * n - n - together - found_only - gold_only
    if found_only == gold_only == 0:
        return 1.0
    expected = (together + gold_only) * (gold_only + apart) + (together + found_only) * (found_only + apart)
    return 2 * (together * apart - found_only * gold_only) / expected


def _sum(terms: NDArray[np.float64]) -> float:
    """Add in sorted order: the result is then the same whatever the order of the instances."""
    return float(np.sort(terms).sum())


def majority_mapped(found: Labels, gold: Labels) -> ClusteringScores:
    """Score the majority gold label of every cluster instead of the clusters themselves.

    Hu et al. 2020, "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction",
    section 3.2. Clusters with the same majority label are merged according to the gold labels: many fragments of one
    relation count as one cluster, so most scores rise. They are not comparable with those of
    :func:`relscout.metrics.score`; ``protocol`` says so.

    Ties between gold labels go to the label with more instances in total, then to the first in sorted order. The
    accuracy is the purity of the clusters.

    Args:
        found: (N,) cluster of every instance.
        gold: (N,) gold relation of the same instances in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing (``None`` or NaN).
    """
    table = tabulate(*paired(found, gold, roles=("found", "gold")))
    return score_table(_merged_by_majority(table), protocol="majority mapped")


def _merged_by_majority(table: Contingency) -> Contingency:
    order = np.lexsort((table.gold, -table.gold_sizes[table.gold], -table.count, table.found))
    clusters, first = np.unique(table.found[order], return_index=True)
    majority = np.empty(len(table.found_sizes), dtype=np.int64)  # (K,) gold index
    majority[clusters] = table.gold[order[first]]
    n_gold = len(table.gold_sizes)
    cells, position = np.unique(majority[table.found] * n_gold + table.gold, return_inverse=True)
    count = np.bincount(position, table.count).astype(np.int64)
    return Contingency.from_cells(cells // n_gold, cells % n_gold, count, shape=(n_gold, n_gold))


ONE_CLUSTER = "one cluster"
SINGLETONS = "singletons"
ENTITY_TYPE_PAIR = "entity-type pair"


def trivial_baselines(
    gold: Labels, *, type_pairs: Sequence[tuple[str | None, str | None]] | None = None
) -> dict[str, ClusteringScores]:
    """Score clusterings that ignore the text.

    Args:
        gold: (N,) gold relations.
        type_pairs: (N,) entity types of head and tail; an unknown type (``None``) counts as a type.

    Returns:
        The scores of ``"one cluster"``, of ``"singletons"`` and, if a type is known, of ``"entity-type pair"``: one
        cluster for each pair of types.

    Raises:
        InputError: Nothing is given, a gold label is missing, or the lengths differ.
    """
    gold_codes = code(gold, "gold").codes
    n = len(gold_codes)
    rows = {
        ONE_CLUSTER: score(np.zeros(n, dtype=np.int64), gold_codes),
        SINGLETONS: score(np.arange(n), gold_codes),
    }
    if type_pairs is not None:
        pairs = [(head, tail) for head, tail in type_pairs]
        by_type = score_table(tabulate(*paired(pairs, gold, roles=(ENTITY_TYPE_PAIR, "gold"))))
        if any(head is not None or tail is not None for head, tail in pairs):
            rows[ENTITY_TYPE_PAIR] = by_type
    return rows


Labels: TypeAlias = Sequence[Any] | NDArray[Any]
"""One label per instance: strings, integers, tuples or anything else that can be a dictionary key."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedLabels:
    """Labels as indices into their sorted distinct values."""

    codes: NDArray[np.int64]
    """(N,) index into ``names`` for every instance."""
    names: Sequence[Hashable]
    """The distinct labels, sorted, so that results do not depend on the order of the instances."""


def paired(first: Labels, second: Labels, *, roles: tuple[str, str]) -> tuple[CodedLabels, CodedLabels]:
    """Code two aligned sequences of labels.

    Args:
        first: (N,) labels.
        second: (N,) labels of the same instances in the same order.
        roles: Names of the two in errors, such as ``("found", "gold")``.

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
    """A sparse contingency table of K clusters and C classes, without empty cells."""

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
            filled = count > 0
            return cls.from_cells(found[filled], gold[filled], count[filled], shape=shape)
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

    Time and memory grow with the number of instances, not with K · C.
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


#: Largest K · C for the dense solver (32 MB of float64); above it, the sparse solver is faster.
DENSE_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Alignment:
    """A one-to-one match of clusters and gold classes."""

    mapping: dict[Hashable, Hashable]
    """Cluster → gold label, without clusters that share no instance with their class."""
    accuracy: float
    """Share of all instances whose cluster is matched with their gold class, 0 to 1."""


def align(found: Labels, gold: Labels) -> Alignment:
    """Match clusters and classes one to one so that as many instances as possible agree.

    The number of clusters may differ from the number of classes; instances of unmatched clusters count as wrong. Ties
    depend on the sorted order of the labels, not on the order of the instances.

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

    Up to ``dense_cells`` = K · C, the table is solved as a dense matrix, above it as a sparse graph, whose memory grows
    with the number of instances only. The share of matched instances is the same.
    """
    if len(table.found_sizes) * len(table.gold_sizes) <= dense_cells:
        return _solve_dense(table)
    cells = _contested_or_best(table)
    alone = _alone(table.found, cells) & _alone(table.gold, cells)
    return np.concatenate([cells[alone], _solve_sparse(table, cells[~alone])])


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
    # the solver matches every row and ignores zero weights: a column of its own is a row's "no partner"
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
    """Drop cells that cannot improve a match: of clusters that lie wholly in one class, all but the largest.

    The same holds for classes. A million singletons then leave one cell per class.
    """
    cells = np.arange(len(table.count))
    for own, other in ((table.found, table.gold), (table.gold, table.found)):
        alone = _alone(own, cells)
        rivals = cells[alone]
        rivals = rivals[np.lexsort((own[rivals], -table.count[rivals], other[rivals]))]
        best = np.ones(len(rivals), dtype=bool)
        best[1:] = other[rivals[1:]] != other[rivals[:-1]]
        cells = np.sort(np.concatenate([cells[~alone], rivals[best]]))
    return cells


def _alone(side: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each cell whether no other of the cells shares its cluster (or class)."""
    inside = side[cells]
    return np.asarray(np.bincount(inside)[inside] == 1)
