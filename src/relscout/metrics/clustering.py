"""Scores of clusterings: B³, V-measure, ARI, NMI, Hungarian accuracy; majority mapping and trivial baselines.

B³: Bagga and Baldwin 1998, "Algorithms for scoring coreference chains". V-measure: Rosenberg and Hirschberg
2007, equations 1 to 3 with β = 1. ARI: Hubert and Arabie 1985. All of them are read from one sparse
contingency table. Sums run over sorted terms, so neither the order of the instances nor the names of the
labels change a single bit of a score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relscout.metrics.contingency import (
    Contingency,
    Labels,
    code,
    matched_cells,
    matched_share,
    paired,
    tabulate,
)

Protocol: TypeAlias = Literal["raw clusters", "majority mapped"]
"""What was scored: the clusters as found, or the majority gold label of every cluster."""


@dataclass(frozen=True, slots=True)
class ClusteringScores:
    """Agreement of a clustering with gold classes; 1 is perfect.

    Figures of different protocols are not comparable: look at ``protocol`` before putting two side by side.
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
    """Number of instances scored."""

    n_found: int
    """Number of clusters scored; under ``"majority mapped"`` what is left of them after mapping."""

    n_gold: int
    """Number of gold classes."""

    protocol: Protocol = "raw clusters"
    """What was scored."""

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def score(found: Labels, gold: Labels) -> ClusteringScores:
    """Score raw clusters against gold relations.

    Every found label is a cluster like any other, including -1, which some methods give to instances of no
    relation: these are expected to belong together, and they lower precision where they do not. To leave them
    out, drop them from both sequences first, and say so with the figures.

    Args:
        found: (N,) cluster of every instance.
        gold: (N,) gold relation of the same instances in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing (``None`` or NaN).
    """
    return score_table(tabulate(*paired(found, gold, roles=("found", "gold"))))


def score_table(table: Contingency, *, protocol: Protocol = "raw clusters") -> ClusteringScores:
    """Score a contingency table of clusters and gold classes; see :func:`score`.

    V-measure and ARI are those of scikit-learn, which takes labels and no table: a bootstrap of 10,000 instances takes
    fifteen times as long with it (``benchmarks/metrics_speed.py``).
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
    section 3.2. Clusters with the same majority label are merged by a look at the gold labels: a thousand
    fragments of one relation count as one cluster, so B³ recall never falls and most figures rise. They are
    not comparable with those of :func:`relscout.metrics.score`, and the result says so in its ``protocol``.

    Between gold labels that are equally frequent in a cluster, the one with more instances in all is taken,
    then the first in sorted order. The accuracy is the purity of the clusters.

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
    """Score clusterings that look at no text.

    Args:
        gold: (N,) gold relations.
        type_pairs: (N,) entity types of head and tail, in the order of ``gold``. An unknown type (``None``)
            counts as a type of its own.

    Returns:
        The scores of ``"one cluster"`` with everything, of ``"singletons"`` and, where at least one type is
        known, of ``"entity-type pair"``: all instances with the same types of head and tail in one cluster.

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
