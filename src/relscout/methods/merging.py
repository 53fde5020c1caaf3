"""More clusters than relations: how many there may be, and which of them are one relation in the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import means
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.errors import InputError, SettingError


def checked_n_clusters(n_clusters: int, n_relations: int, n_instances: int) -> int:
    """Return the number of clusters K̂: that of the setting ``n_clusters``, or of the relations where it is 0.

    Raises:
        SettingError: There are fewer clusters than relations.
        InputError: There are fewer instances than clusters.
    """
    found = n_clusters or n_relations
    if found < n_relations:
        raise SettingError(
            f"n_clusters is {found}, but {n_relations} relations were asked for; give as many pseudo labels, or 0"
        )
    if n_relations <= n_instances < found:
        raise InputError(
            f"n_clusters is {found}, but there are only {n_instances} instances; ask for at most as many"
        )
    return found


def merged(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], n_relations: int, *, seed: int
) -> NDArray[np.int64]:
    """Return the group of each cluster that some vector is in (K′,), int64, by k-means on the clusters' means.

    SelfORE (section 3.2) merges centroids, and does not say whether they are weighted. Where K̂ ≫ K, most are chosen by
    few vectors or by none, and would take most of the K groups for themselves. And where a mapping was adapted to K̂ ≫ K
    clusters, its codes no longer tell which of them are alike: the means of the representations do.

    Args:
        vectors: Representations (N, D), float32.
        labels: Cluster of each (N,), int64.
        n_relations: Number of groups, of which fewer may be left.
        seed: Draws the starts of k-means.
    """
    from sklearn.cluster import KMeans

    _, member = np.unique(labels, return_inverse=True)
    sizes = np.bincount(member)
    of_clusters = means(vectors, member, len(sizes))
    n_groups = min(n_relations, len(np.unique(of_clusters.round(4), axis=0)))
    starts = neighbour_seeds(vectors, n_groups, seed=seed)
    found = KMeans(
        n_groups,
        init="k-means++" if starts is None else starts,
        n_init=10 if starts is None else 1,
        random_state=seed % 2**32,
    ).fit_predict(of_clusters, sample_weight=sizes)
    # k-means may leave a group empty
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def of_relations(shares: NDArray[np.float32], relation_of: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of each relation (N, K), float32: the highest of its clusters, so that the likeliest decides.

    The sum of its clusters would let a relation of many clusters take what belongs to one of few.

    Args:
        shares: Shares of the clusters (N, K̂), float32.
        relation_of: Relation of each cluster (K̂,), int64, every one from 0 to K - 1 among them.
    """
    order = np.argsort(relation_of, kind="stable")
    first = np.searchsorted(relation_of[order], np.arange(int(relation_of.max()) + 1))
    found: NDArray[np.float32] = np.maximum.reduceat(shares[:, order], first, axis=1)
    return found
