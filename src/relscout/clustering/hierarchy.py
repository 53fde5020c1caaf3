"""Hierarchical agglomerative clustering: merge the two nearest clusters until K are left."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import CHUNK, Clusters, check_count, check_finite, means, refine, too_alike
from relscout.clustering.neighbours import strongest_directions
from relscout.core.errors import UnknownNameError
from relscout.core.seeding import generator

#: Distance of two clusters: the inertia added by merging (Ward 1963), or the mean or maximum distance of members.
Linkage = Literal["ward", "average", "complete"]
Distance = Literal["euclidean", "cosine"]
LINKAGES: Final = get_args(Linkage)
DISTANCES: Final = get_args(Distance)


def agglomerate(
    vectors: NDArray[np.float32],
    n_clusters: int | None,
    *,
    linkage: str = "ward",
    distance: str = "euclidean",
    apart: float = 0.0,
    smallest: int = 1,
    directions: int = 0,
    max_vectors: int = 10_000,
    seed: int,
) -> Clusters:
    """Cluster vectors hierarchically, then assign each to the cluster with the nearest mean.

    With the last step, new vectors follow the same rule as clustered ones. A cluster that it empties gets the vector
    that is farthest from its own mean.

    Args:
        vectors: (N, D) float32, of unit length for the distance ``cosine``.
        n_clusters: K, from 1 to N; ``None`` stops at the distance ``apart``.
        linkage: One of :data:`LINKAGES`; ``ward`` with distance ``euclidean`` only.
        distance: One of :data:`DISTANCES`.
        apart: Distance from which clusters are not merged, if K is ``None``.
        smallest: Minimum size of a cluster. Smaller ones do not count as one of K and are dissolved: their vectors go
            to the nearest other mean. If all clusters are smaller, all stay.
        directions: Number of strongest directions in which distances are computed; 0 for the vectors themselves.
        max_vectors: Number of vectors (or K, if larger) from which a sample is clustered. Memory grows with the square:
            16 bytes per pair.
        seed: Draws the sample.

    Raises:
        UnknownNameError: There is no such linkage or distance.
        InputError: There are fewer vectors (or fewer different ones) than clusters, or some are not finite.
    """
    from scipy.spatial.distance import pdist

    if distance not in DISTANCES:
        raise UnknownNameError("distance", distance, DISTANCES)
    check_count(len(vectors), n_clusters or 1)
    check_finite(vectors)
    sample = np.asarray(vectors)
    max_vectors = max(max_vectors, n_clusters or 1)
    if len(vectors) > max_vectors:
        chosen = generator(seed, "hierarchy").choice(len(vectors), max_vectors, replace=False)
        sample = np.asarray(vectors[np.sort(chosen)])
    elif n_clusters and len({row.tobytes() for row in sample}) < n_clusters:
        # means of equal vectors may differ in their last bits, so that nothing below would notice
        raise too_alike(len(vectors), n_clusters)
    near = strongest_directions(sample, directions) if directions else sample
    # 1 − cos = ‖x − y‖² / 2 at unit length; also defined for a zero vector
    distances = pdist(near) if distance == "euclidean" else pdist(near, "sqeuclidean") / 2
    labels = cut(distances, len(sample), n_clusters, linkage=linkage, apart=apart, smallest=smallest)
    clustered = labels >= 0
    centroids = means(sample[clustered], labels[clustered], int(labels.max()) + 1)
    return refine(vectors, centroids, max_iterations=0, tolerance=0, chunk_size=CHUNK)


def cut(
    distances: NDArray[np.float64],
    n_points: int,
    n_clusters: int | None,
    *,
    linkage: str,
    apart: float = 0.0,
    smallest: int = 1,
) -> NDArray[np.int64]:
    """Merge the two nearest clusters until K are left, and return the cluster of each point (N,), int64; -1 for none.

    Clusters are numbered by their first points, so that ties give the same numbers on every machine.

    Args:
        distances: Pairwise distances (N (N - 1) / 2,), float64, in the order of SciPy's ``pdist``.
        n_points: N.
        n_clusters: K, from 1 to N; ``None`` stops at the distance ``apart``.
        linkage: One of :data:`LINKAGES`; ``ward`` requires Euclidean distances.
        apart: Distance from which clusters are not merged.
        smallest: Minimum size of a cluster; smaller ones do not count as one of K.

    Raises:
        UnknownNameError: There is no such linkage.
    """
    from scipy.cluster.hierarchy import linkage as merges_of
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if linkage not in LINKAGES:
        raise UnknownNameError("linkage", linkage, LINKAGES)
    if n_clusters == n_points or n_points == 1:
        return np.arange(n_points)
    merges = merges_of(distances, method=linkage)  # (N - 1, 4)
    if n_clusters is None:
        n_merges = int((merges[:, 2] < apart).sum())
    elif smallest > 1:
        n_merges = _merges_to(merges, n_clusters, smallest)
    else:
        n_merges = n_points - n_clusters
    # SciPy's own cut goes by height, and leaves fewer clusters if heights are equal
    merged = merges[:n_merges, :2].astype(np.int64)
    made = np.repeat(np.arange(n_points, n_points + n_merges), 2)
    size = n_points + n_merges
    tree = coo_matrix((np.ones(len(made), dtype=np.int8), (made, merged.ravel())), shape=(size, size))
    components = connected_components(tree, directed=False)[1][:n_points]
    _, first, cluster_of, sizes = np.unique(
        components, return_index=True, return_inverse=True, return_counts=True
    )
    large = sizes >= min(smallest, int(sizes.max()))
    numbers = np.full(len(sizes), -1, dtype=np.int64)
    numbers[large] = np.argsort(np.argsort(first[large]))
    return numbers[cluster_of]


def _merges_to(merges: NDArray[np.float64], n_clusters: int, smallest: int) -> int:
    """Return the largest number of merges (rows of SciPy's linkage matrix) that leaves K large clusters.

    If K is out of reach, it leaves as many as possible. The number of large clusters grows when small ones merge and
    falls when two large ones do.
    """
    n_points = len(merges) + 1
    sizes = np.concatenate([np.ones(n_points), merges[:, 3]])
    was_large = sizes[merges[:, :2].astype(np.int64)] >= smallest  # (N - 1, 2)
    large = np.cumsum((merges[:, 3] >= smallest).astype(np.int64) - was_large.sum(axis=1))
    enough = np.flatnonzero(large >= min(n_clusters, int(large.max())))
    return int(enough[-1]) + 1
