"""The protocol of SelfORE: every cluster becomes its majority gold label before it is scored."""

from __future__ import annotations

import numpy as np

from relscout.metrics.clustering import ClusteringScores, score_table
from relscout.metrics.contingency import Contingency, tabulate
from relscout.metrics.labels import Labels, paired


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
