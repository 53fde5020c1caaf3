"""K-means that streams: exact Lloyd iterations over vectors that may be on disk, repeatable to the bit.

scikit-learn's ``KMeans`` copies its input and adds up its threads' partial sums in the order in which they finish; this
one holds a chunk at a time and adds in a fixed order. The seeding is scikit-learn's k-means++.

K-means++ looks for vectors far from each other, and in a space where relations lie close together it often starts twice
in a large relation and never in two similar ones. UMAP (McInnes et al. 2018) lays the graph of nearest neighbours out
in few dimensions, where its parts stand apart; k-means there gives a partition, and the means of its parts in the
original space are the starts.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator

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
        # filling an empty cluster lowers the inertia, unless the vectors are too alike to be distinguished
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
        progress: Called with the starts done, stage ``"cluster"``.

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
    solutions = []
    for start in range(n_init):
        progress("cluster", start, n_init)
        solutions.append(refined(sample, _seeds(sample, n_clusters, random)))
    progress("cluster", n_init, n_init)
    best = min(solutions, key=lambda clusters: clusters.inertia)
    if len(sample) < len(vectors):
        return refined(vectors, best.centroids)
    return best


def _seeds(sample: NDArray[np.float32], n_clusters: int, random: np.random.Generator) -> NDArray[np.float32]:
    from sklearn.cluster import kmeans_plusplus

    centroids, _ = kmeans_plusplus(sample, n_clusters, random_state=int(random.integers(2**31)))
    return np.asarray(centroids, dtype=np.float32)


_SEEDING_SAMPLE = 5000
_COMPONENTS = 128
_NEIGHBOURS = 30
_DIMENSIONS = 10
_EPOCHS = 200
_Result = TypeVar("_Result")


def neighbour_seeds(
    vectors: NDArray[np.float32],
    n_clusters: int,
    *,
    seed: int,
    n_init: int = 10,
    sample_size: int = _SEEDING_SAMPLE,
) -> NDArray[np.float32] | None:
    """Return starts for k-means (K, D), float32, or ``None`` where there are too few vectors for a neighbour graph.

    Args:
        vectors: (N, D) float32.
        n_clusters: K; when it exceeds half the number of vectors, the graph carries no information.
        seed: Draws the sample and the layout, which runs on one thread and is repeatable.
        n_init: Starts of k-means in the layout, of which the one with the lowest inertia is kept.
        sample_size: No more vectors than this are looked at.
    """
    sample = np.asarray(vectors)
    if len(vectors) > sample_size:
        chosen = generator(seed, "neighbour seeds").choice(len(vectors), sample_size, replace=False)
        sample = np.asarray(vectors[np.sort(chosen)])
    # UMAP needs more vectors than neighbours, and its spectral start more than dimensions
    if len(sample) < 4 * _NEIGHBOURS or not 2 <= n_clusters <= len(sample) // 2:
        return None
    if len(np.unique(sample, axis=0)) < len(sample) // 2:
        return None
    from relscout.clustering.neighbours import strongest_directions

    directions = strongest_directions(sample, _COMPONENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layout = in_own_thread(lambda: _layout(directions, seed))
    parts = kmeans(layout, n_clusters, seed=seed, n_init=n_init)
    return means(sample, parts.labels, n_clusters)


def in_own_thread(function: Callable[[], _Result]) -> _Result:
    """Return what a function returns, called in a thread of its own, whose OpenMP settings end with it.

    When numba first runs a parallel function, its OpenMP layer sets the number of threads of the calling thread, of
    whichever OpenMP library is loaded. PyTorch uses the same library, and would from then on compute with that many
    threads, whatever ``OMP_NUM_THREADS`` says. OpenMP holds this number for each thread, so that another thread keeps
    the caller's as it is, be PyTorch loaded before or later.
    """
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)  # raised again in the caller's thread

    # a daemon, so that an interrupted caller need not wait for it
    threading.Thread(target=run, name="relscout-umap", daemon=True).start()
    return result.result()


def _layout(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Lay vectors (N, D) out in few dimensions (N, d)."""
    from umap import UMAP

    layout = UMAP(
        n_components=_DIMENSIONS,
        n_neighbors=_NEIGHBOURS,
        min_dist=0.0,
        metric="cosine",
        random_state=seed % 2**32,  # NumPy's older generators take no more
        n_epochs=_EPOCHS,
        n_jobs=1,
    ).fit_transform(vectors)
    return np.ascontiguousarray(layout, dtype=np.float32)


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
        progress: Called with the starts done, stage ``"cluster"``.

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


#: Relations are neither round nor equally wide: with this factor the mean confidence equals the share of instances
#: that are in the majority of their cluster, on draws of labelled relations that are reported nowhere else.
_WIDENING = 4.5


def spread(vectors: NDArray[np.float32], inertia: float) -> float:
    """Return the variance σ² that :func:`soft_assignment` needs for confidences that mean what they say.

    Vectors of a transformer fill few of their dimensions. The variance within clusters is therefore shared among the
    *effective* dimensions: the participation ratio (Σλ)² / Σλ² of the covariance's eigenvalues λ.

    Args:
        vectors: (N, D) float32; more than a few thousand do not change the result and are not needed.
        inertia: Mean squared distance of a vector to its centroid.
    """
    centred = vectors - vectors.mean(axis=0)
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    trace, squares = float(np.trace(gram)), float((gram * gram).sum())
    effective = trace**2 / squares if squares > 0 else 1.0
    return max(_WIDENING * inertia / effective, 1e-12)


def soft_assignment(
    vectors: NDArray[np.float32], centroids: NDArray[np.float32], variance: float
) -> NDArray[np.float32]:
    """Return the probability of each cluster for each vector (N, K), float32.

    The posterior of a mixture of equally frequent round Gaussians: p(k) ∝ exp(−‖x − c_k‖² / 2σ²).

    Args:
        vectors: (N, D) float32.
        centroids: (K, D) float32.
        variance: σ², > 0; see :func:`spread`.
    """
    norms = np.einsum("kd,kd->k", centroids, centroids)
    # in place from here on: (N, K) may be the largest array there is
    shares: NDArray[np.float32] = vectors @ centroids.T
    shares -= norms / 2  # ‖x‖² is the same for every k
    shares /= np.float32(variance)
    shares -= shares.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
