"""K-means that streams: exact Lloyd iterations over vectors that may lie on disk, repeatable to the bit.

scikit-learn's ``KMeans`` copies its input and adds up its threads' partial sums in the order in which they finish; this one
holds a chunk at a time and adds in a fixed order. The seeding is scikit-learn's k-means++.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError, SettingError
from relscout.progress import Progress, silent
from relscout.seeding import generator

_CHUNK = 16_384
#: Seeding and restarts look at no more vectors than this; the chosen solution is then refined on all.
_SAMPLE = 65_536


@dataclass(frozen=True)
class Clusters:
    """A partition of vectors around centroids.

    Args:
        centroids: Means (K, D), float32.
        labels: Nearest centroid of each vector (N,), int64.
        inertia: Sum of squared distances to the nearest centroid.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]
    inertia: float


def kmeans(
    vectors: NDArray[np.float32],
    n_clusters: int,
    *,
    seed: int,
    starts: NDArray[np.float32] | None = None,
    n_init: int = 10,
    max_iterations: int = 100,
    tolerance: float = 1e-4,
    progress: Progress = silent,
) -> Clusters:
    """Cluster vectors by k-means (Lloyd 1982) with k-means++ seeding (Arthur and Vassilvitskii 2007).

    Args:
        vectors: (N, D) float32; may be memory-mapped, only a chunk is held at a time.
        n_clusters: K, from 1 to N.
        seed: Draws the starts; the same seed on the same machine gives the same result.
        starts: Centroids (K, D) to start from, float32; drawn by k-means++ when left out.
        n_init: Number of starts that are drawn, of which the one with the lowest inertia is kept.
        max_iterations: Most iterations of each start.
        tolerance: Stop when an iteration lowers the inertia by less than this share.
        progress: Told the starts done, stage ``"cluster"``.

    Raises:
        SettingError: K is below 1, or ``n_init`` is.
        InputError: There are fewer vectors (or fewer different ones) than clusters, or some are not finite.
    """
    if n_clusters < 1 or n_init < 1:
        raise SettingError(f"got {n_clusters} clusters and {n_init} starts; both must be at least 1")
    if n_clusters > len(vectors):
        raise InputError(
            f"cannot make {n_clusters} clusters of {len(vectors)} instances; ask for at most {len(vectors)} relations"
        )
    for chunk in _chunks(vectors):
        if not np.isfinite(chunk).all():
            raise InputError(
                "the vectors hold NaN or infinite values; check the encoder (float16 may overflow)"
            )
    if starts is not None:
        return _lloyd(vectors, starts, max_iterations, tolerance)
    random = generator(seed, "k-means")
    sample = vectors
    if len(vectors) > _SAMPLE:
        sample = np.asarray(vectors[np.sort(random.choice(len(vectors), _SAMPLE, replace=False))])
    found = []
    for start in range(n_init):
        progress("cluster", start, n_init)
        found.append(_lloyd(sample, _seeds(sample, n_clusters, random), max_iterations, tolerance))
    progress("cluster", n_init, n_init)
    best = min(found, key=lambda clusters: clusters.inertia)
    if len(sample) < len(vectors):
        return _lloyd(vectors, best.centroids, max_iterations, tolerance)
    return best


def nearest(
    vectors: NDArray[np.float32], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest centroid of each vector (N,), int64, and the squared distance to it (N,), float32."""
    labels = np.empty(len(vectors), dtype=np.int64)
    distances = np.empty(len(vectors), dtype=np.float32)
    norms = np.einsum("kd,kd->k", centroids, centroids)
    start = 0
    for chunk in _chunks(vectors):
        partial = norms - 2 * (chunk @ centroids.T)  # (chunk, K): squared distance less the vector's own norm
        rows = slice(start, start + len(chunk))
        labels[rows] = partial.argmin(axis=1)
        own = np.einsum("nd,nd->n", chunk, chunk)
        distances[rows] = np.maximum(partial[np.arange(len(chunk)), labels[rows]] + own, 0)
        start += len(chunk)
    return labels, distances


def means(vectors: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.float32]:
    """Return the mean vector (K, D), float32, of each cluster; zeros for an empty one."""
    from scipy.sparse import csr_matrix

    sums = np.zeros((n_clusters, vectors.shape[1]), dtype=np.float64)
    start = 0
    for chunk in _chunks(vectors):
        of_chunk = labels[start : start + len(chunk)]
        columns = np.arange(len(chunk))
        members = csr_matrix(
            (np.ones(len(chunk), dtype=np.float32), (of_chunk, columns)), shape=(n_clusters, len(chunk))
        )
        sums += members @ chunk
        start += len(chunk)
    counts = np.bincount(labels, minlength=n_clusters)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _seeds(sample: NDArray[np.float32], n_clusters: int, random: np.random.Generator) -> NDArray[np.float32]:
    from sklearn.cluster import kmeans_plusplus

    centroids, _ = kmeans_plusplus(sample, n_clusters, random_state=int(random.integers(2**31)))
    return np.asarray(centroids, dtype=np.float32)


def _lloyd(
    vectors: NDArray[np.float32], centroids: NDArray[np.float32], max_iterations: int, tolerance: float
) -> Clusters:
    labels, distances = nearest(vectors, centroids)
    inertia = float(distances.sum(dtype=np.float64))
    for _ in range(max_iterations):
        centroids = means(vectors, labels, len(centroids))
        centroids = _refilled(vectors, centroids, labels, distances)
        labels, distances = nearest(vectors, centroids)
        before, inertia = inertia, float(distances.sum(dtype=np.float64))
        if before - inertia <= tolerance * before:
            break
    return Clusters(centroids, labels, inertia)


def _refilled(
    vectors: NDArray[np.float32],
    centroids: NDArray[np.float32],
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Move the centroid of each empty cluster onto the vector farthest from its own centroid."""
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centroids)) == 0)
    if not len(empty):
        return centroids
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    if distances[farthest[-1]] <= 0:
        n_different = len(centroids) - len(empty) + int((distances[farthest] > 0).sum())
        raise InputError(
            f"cannot make {len(centroids)} clusters: only {n_different} different vectors were found; "
            "the instances repeat each other, so ask for fewer relations"
        )
    centroids = centroids.copy()
    centroids[empty] = vectors[farthest]
    return centroids


def _chunks(vectors: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(vectors), _CHUNK):
        yield np.asarray(vectors[start : start + _CHUNK], dtype=np.float32)
