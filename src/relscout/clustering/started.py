"""K-means, started in one of the ways that methods let their users choose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import Clusters
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.progress import Progress, silent

#: ``neighbours``: at the parts of the neighbour graph; ``k-means++``: at vectors far from each other.
STARTS = ("neighbours", "k-means++")


def started_kmeans(
    vectors: NDArray[np.float32],
    n_clusters: int,
    *,
    start: str,
    seed: int,
    n_init: int = 10,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Clusters:
    """Cluster vectors (N, D), float32, by k-means.

    Args:
        vectors: What is clustered.
        n_clusters: K, from 1 to N.
        start: One of ``STARTS``.
        seed: Draws the starts.
        n_init: Starts drawn, of which the one with the lowest inertia is kept.
        max_iterations: Most iterations of each start.
        progress: Told the starts done, stage ``"cluster"``.

    Raises:
        InputError: There are fewer vectors (or fewer different ones) than clusters, or some are not finite.
    """
    starts = neighbour_seeds(vectors, n_clusters, seed=seed, n_init=n_init) if start == "neighbours" else None
    return kmeans(
        vectors,
        n_clusters,
        seed=seed,
        starts=starts,
        n_init=n_init,
        max_iterations=max_iterations,
        progress=progress,
    )
