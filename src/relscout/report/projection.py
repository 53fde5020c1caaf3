"""Relation representations in the plane, for the map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.seeding import generator

#: Instances on the map; of more, as many are drawn.
MOST_POINTS = 2000
_PERPLEXITY = 30.0
#: Principal components that t-SNE starts from.
_COMPONENTS = 50


def drawn(ids: NDArray[np.int64], *, most: int = MOST_POINTS, seed: int = 0) -> NDArray[np.int64]:
    """Return the rows (n,) of instances for the map: all that have a relation, or ``most`` of them, in order.

    Relations keep their shares, but each has one instance at least.

    Args:
        ids: Relation of each instance (N,); -1 for none.
        most: Most rows, unless there are more relations.
        seed: Draws them.
    """
    told = np.flatnonzero(ids >= 0)
    if len(told) <= most:
        return told
    random = generator(seed, "map")
    kept = []
    for id in np.unique(ids[told]).tolist():
        rows = np.flatnonzero(ids == id)
        count = max(1, int(len(rows) * most / len(told)))
        kept.append(random.choice(rows, count, replace=False))
    return np.sort(np.concatenate(kept))


def projected(vectors: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """Return vectors (n, D) in the plane (n, 2), float32, within [-1, 1]: t-SNE (van der Maaten and Hinton 2008).

    Args:
        vectors: What is shown.
        seed: Decides what t-SNE draws; it starts from the principal components.
    """
    n = len(vectors)
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    if n < 5 or not np.ptp(centred, axis=0).max(initial=0.0):
        # too few for neighbours, or all the same
        plane = np.zeros((n, 2))
        plane[:, : min(2, centred.shape[1])] = centred[:, :2]
        return _within(plane)
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    components = min(_COMPONENTS, n, centred.shape[1])
    reduced = PCA(
        components, svd_solver="full" if n < 500 else "randomized", random_state=seed
    ).fit_transform(centred)
    if reduced.shape[1] < 2:
        return _within(np.column_stack([reduced[:, 0], np.zeros(n)]))
    from threadpoolctl import threadpool_limits

    # several threads add up in the order in which they finish
    with threadpool_limits(1, user_api="openmp"):
        found = TSNE(perplexity=min(_PERPLEXITY, (n - 1) / 3), init="pca", random_state=seed).fit_transform(
            reduced
        )
    return _within(np.asarray(found, dtype=np.float64))


def _within(plane: NDArray[np.float64]) -> NDArray[np.float32]:
    plane = plane - (plane.min(axis=0) + plane.max(axis=0)) / 2 if len(plane) else plane
    reach = float(np.abs(plane).max(initial=0.0))
    return np.asarray(plane / reach if reach else plane, dtype=np.float32)
