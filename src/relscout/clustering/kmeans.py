"""K-means that streams: exact Lloyd iterations over vectors that may lie on disk, repeatable to the bit.

scikit-learn's ``KMeans`` copies its input and adds up its threads' partial sums in the order in which they finish; this
one holds a chunk at a time and adds in a fixed order. The seeding is scikit-learn's k-means++.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import CHUNK, Clusters, check_count, check_finite, refine
from relscout.errors import SettingError
from relscout.progress import Progress, silent
from relscout.seeding import generator

_SAMPLE = 65_536


def kmeans(
    vectors: NDArray[np.float32],
    n_clusters: int,
    *,
    seed: int,
    starts: NDArray[np.float32] | None = None,
    n_init: int = 10,
    max_iterations: int = 100,
    tolerance: float = 1e-4,
    sample_size: int = _SAMPLE,
    chunk_size: int = CHUNK,
    progress: Progress = silent,
) -> Clusters:
    """Cluster vectors by k-means (Lloyd 1982) with k-means++ seeding (Arthur and Vassilvitskii 2007).

    No cluster of the result is empty: a centroid that loses all its vectors moves to the vector that is farthest
    from its own.

    Args:
        vectors: (N, D) float32; may be memory-mapped, only a chunk is held at a time.
        n_clusters: K, from 1 to N.
        seed: Draws the starts; the same seed on the same machine gives the same result.
        starts: Centroids (K, D) to start from, float32; drawn by k-means++ when left out.
        n_init: Number of starts that are drawn, of which the one with the lowest inertia is kept.
        max_iterations: Most iterations of each start.
        tolerance: Stop when an iteration lowers the inertia by less than this share.
        sample_size: Seeding and restarts look at no more vectors than this (or K, where that is more); the chosen
            solution is then refined on all.
        chunk_size: Number of vectors that are held at a time; changes memory, not results (beyond rounding).
        progress: Told the starts done, stage ``"cluster"``.

    Raises:
        SettingError: K or ``n_init`` is below 1, or the starts are not K vectors like those that are clustered.
        InputError: There are fewer vectors (or fewer different ones) than clusters, or some are not finite.
    """
    if n_clusters < 1 or n_init < 1:
        raise SettingError(f"got {n_clusters} clusters and {n_init} starts; both must be at least 1")
    check_count(len(vectors), n_clusters)
    check_finite(vectors, chunk_size=chunk_size)
    refined = partial(refine, max_iterations=max_iterations, tolerance=tolerance, chunk_size=chunk_size)
    if starts is not None:
        if starts.shape != (n_clusters, vectors.shape[1]):
            raise SettingError(
                f"the starts have shape {starts.shape}, expected {(n_clusters, vectors.shape[1])}: one per cluster"
            )
        return refined(vectors, np.asarray(starts, dtype=np.float32))
    random = generator(seed, "k-means")
    sample = vectors
    sample_size = max(sample_size, n_clusters)
    if len(vectors) > sample_size:
        sample = np.asarray(vectors[np.sort(random.choice(len(vectors), sample_size, replace=False))])
    found = []
    for start in range(n_init):
        progress("cluster", start, n_init)
        found.append(refined(sample, _seeds(sample, n_clusters, random)))
    progress("cluster", n_init, n_init)
    best = min(found, key=lambda clusters: clusters.inertia)
    if len(sample) < len(vectors):
        return refined(vectors, best.centroids)
    return best


def _seeds(sample: NDArray[np.float32], n_clusters: int, random: np.random.Generator) -> NDArray[np.float32]:
    from sklearn.cluster import kmeans_plusplus

    centroids, _ = kmeans_plusplus(sample, n_clusters, random_state=int(random.integers(2**31)))
    return np.asarray(centroids, dtype=np.float32)
