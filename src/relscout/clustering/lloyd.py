"""Lloyd's iterations, a chunk of vectors at a time: to the nearest centroid, to the mean of its vectors, and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError

#: Vectors that are held at a time.
CHUNK = 16_384
#: Squared distances below this share of the squared lengths drown in the rounding of float32.
_RESOLUTION = 1e-6


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


def refine(
    vectors: NDArray[np.float32],
    centroids: NDArray[np.float32],
    *,
    max_iterations: int,
    tolerance: float,
    chunk_size: int = CHUNK,
) -> Clusters:
    """Move centroids until the inertia settles and no cluster is empty.

    Args:
        vectors: (N, D) float32, finite.
        centroids: Where to start (K, D), float32.
        max_iterations: Most iterations, not counting those that fill empty clusters.
        tolerance: Stop when an iteration lowers the inertia by less than this share.
        chunk_size: Number of vectors that are held at a time.

    Raises:
        InputError: Fewer than K of the vectors differ.
    """
    labels, distances = nearest(vectors, centroids, chunk_size=chunk_size)
    inertia = float(distances.sum(dtype=np.float64))
    empty = _empty(labels, len(centroids))
    iteration, settled = 0, False
    while (iteration < max_iterations and not settled) or len(empty):
        centroids = means(vectors, labels, len(centroids), chunk_size=chunk_size)
        for cluster in empty:
            centroids[cluster] = _farthest(vectors, distances, centroids)
            reached = nearest(vectors, centroids[[cluster]], chunk_size=chunk_size)[1]
            distances = np.minimum(distances, reached)
        labels, distances = nearest(vectors, centroids, chunk_size=chunk_size)
        before, inertia = inertia, float(distances.sum(dtype=np.float64))
        settled = before - inertia <= tolerance * before
        empty = _empty(labels, len(centroids))
        iteration += 1
        # filling an empty cluster lowers the inertia, unless the vectors are too alike to be told apart
        if len(empty) and iteration > max_iterations and inertia >= before:
            raise too_alike(len(vectors), len(centroids))
    return Clusters(centroids, labels, inertia)


def check_count(n_vectors: int, n_clusters: int) -> None:
    """Refuse to make more clusters than there are vectors.

    Raises:
        InputError: There are fewer vectors.
    """
    if n_clusters > n_vectors:
        raise InputError(
            f"cannot make {n_clusters} clusters of {n_vectors} instances; ask for at most {n_vectors} relations"
        )


def too_alike(n_vectors: int, n_clusters: int) -> InputError:
    """Return the error that fewer vectors differ than there are to be clusters."""
    return InputError(
        f"cannot make {n_clusters} clusters of {n_vectors} vectors of which fewer than {n_clusters} differ; "
        "the instances repeat each other, so ask for fewer relations"
    )


def check_finite(vectors: NDArray[np.float32], *, chunk_size: int = CHUNK) -> None:
    """Refuse vectors (N, D) with values that are not numbers, which would cluster to anything.

    Raises:
        InputError: A value is NaN or infinite.
    """
    if not all(np.isfinite(chunk).all() for chunk in _chunks(vectors, chunk_size)):
        raise InputError("the vectors hold NaN or infinite values; check the encoder (float16 may overflow)")


def nearest(
    vectors: NDArray[np.float32], centroids: NDArray[np.float32], *, chunk_size: int = CHUNK
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest centroid of each vector (N,), int64, and the squared distance to it (N,), float32."""
    labels = np.empty(len(vectors), dtype=np.int64)
    distances = np.empty(len(vectors), dtype=np.float32)
    norms = np.einsum("kd,kd->k", centroids, centroids)
    start = 0
    for chunk in _chunks(vectors, chunk_size):
        relative = norms - 2 * (chunk @ centroids.T)  # (chunk, K): ‖x − c‖² − ‖x‖²
        rows = slice(start, start + len(chunk))
        labels[rows] = relative.argmin(axis=1)
        own = np.einsum("nd,nd->n", chunk, chunk)
        distances[rows] = np.maximum(relative[np.arange(len(chunk)), labels[rows]] + own, 0)
        start += len(chunk)
    return labels, distances


def means(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int, *, chunk_size: int = CHUNK
) -> NDArray[np.float32]:
    """Return the mean vector (K, D), float32, of each cluster; zeros for an empty one."""
    from scipy.sparse import csr_matrix

    sums = np.zeros((n_clusters, vectors.shape[1]), dtype=np.float64)
    start = 0
    for chunk in _chunks(vectors, chunk_size):
        of_chunk = labels[start : start + len(chunk)]
        columns = np.arange(len(chunk))
        members = csr_matrix(
            (np.ones(len(chunk), dtype=np.float32), (of_chunk, columns)), shape=(n_clusters, len(chunk))
        )
        sums += members @ chunk
        start += len(chunk)
    counts = np.bincount(labels, minlength=n_clusters)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _empty(labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    return np.flatnonzero(np.bincount(labels, minlength=n_clusters) == 0)


def _farthest(
    vectors: NDArray[np.float32], distances: NDArray[np.float32], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = np.asarray(vectors[int(distances.argmax())], dtype=np.float32)
    squared_length = max(float(vector @ vector), float(np.einsum("kd,kd->k", centroids, centroids).max()))
    if distances.max() <= _RESOLUTION * squared_length:
        raise too_alike(len(vectors), len(centroids))
    return vector


def _chunks(vectors: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(vectors), size):
        yield np.asarray(vectors[start : start + size], dtype=np.float32)
