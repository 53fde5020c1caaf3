"""Streaming k-means: exact Lloyd iterations over vectors that may be on disk, reproducible to the bit.

scikit-learn's ``KMeans`` copies its input and adds the partial sums of its threads in the order in which they finish;
this implementation holds a chunk at a time and adds in a fixed order. The seeding is scikit-learn's k-means++.

K-means++ selects distant vectors. If relations lie close together, it often starts twice in a large relation and never
in two similar ones. UMAP (McInnes et al. 2018) embeds the graph of nearest neighbours in few dimensions, where its
parts are separated; k-means in this layout gives a partition, and the means of its parts in the original space are the
initial centroids.

A layout depends on its random seed, and the partition with it. The consensus of several layouts depends on it far less:
k-means in their concatenation adds up the squared distances of a pair of vectors in all of them, so that only what most
layouts separate is separated. Unlike the evidence accumulation of Fred and Jain (2005), which averages over partitions
whether two vectors share a cluster, this averages before anything is cut, and no N × N matrix is needed.
"""

from __future__ import annotations

import atexit
import mmap
import shutil
import tempfile
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator

_Floats = TypeVar("_Floats", np.float32, np.float64)

#: Number of vectors in memory at a time.
CHUNK = 16_384
#: Number of vectors that are scaled at a time.
_SCALED = 4096
#: Squared distances below this share of the squared lengths are within float32 rounding.
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


class DistantVectors(ABC):
    """Vectors (N, D), float32, that are not in this process, such as in shards of other machines.

    The functions of this module, and those that draw samples, accept them in place of an array. ``vectors[rows]``
    returns some of them, and NumPy turns a small number of them into an array.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """N and D."""

    @abstractmethod
    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Return the vector of a row (D,), or the vectors of several rows (n, D)."""

    @abstractmethod
    def nearest(self, centroids: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Do what :func:`nearest` does."""

    @abstractmethod
    def means(self, labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.float32]:
        """Do what :func:`means` does, for the labels that the last call of :meth:`nearest` returned."""

    @abstractmethod
    def is_finite(self) -> bool:
        """Return whether no value is NaN or infinite."""

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float32]:
        return np.asarray(self[np.arange(len(self))], dtype=dtype)


#: Vectors (N, D), float32: in memory, memory-mapped, or elsewhere.
Vectors = NDArray[np.float32] | DistantVectors


def refine(
    vectors: Vectors,
    centroids: NDArray[np.float32],
    *,
    max_iterations: int,
    tolerance: float,
    chunk_size: int = CHUNK,
) -> Clusters:
    """Move centroids until the inertia settles and no cluster is empty.

    Args:
        vectors: (N, D) float32, finite.
        centroids: Initial centroids (K, D), float32.
        max_iterations: Maximum number of iterations, except those that fill empty clusters.
        tolerance: Stop when an iteration lowers the inertia by less than this share.
        chunk_size: Number of vectors in memory at a time.

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
        # filling an empty cluster lowers the inertia, unless the vectors are equal up to rounding
        if len(empty) and iteration > max_iterations and inertia >= before:
            raise too_alike(len(vectors), len(centroids))
    return Clusters(centroids, labels, inertia)


def check_count(n_vectors: int, n_clusters: int) -> None:
    """Raise an InputError if there are fewer vectors than clusters."""
    if n_clusters > n_vectors:
        raise InputError(
            f"cannot make {n_clusters} clusters of {n_vectors} instances; ask for at most {n_vectors} relations"
        )


def too_alike(n_vectors: int, n_clusters: int) -> InputError:
    """Return the error for fewer different vectors than clusters."""
    return InputError(
        f"cannot make {n_clusters} clusters of {n_vectors} vectors of which fewer than {n_clusters} differ; "
        "instances are repeated, or the encoder cannot distinguish them, so ask for fewer relations"
    )


def check_finite(vectors: Vectors, *, chunk_size: int = CHUNK) -> None:
    """Raise an InputError if a value of the vectors (N, D) is NaN or infinite."""
    if isinstance(vectors, DistantVectors):
        finite = vectors.is_finite()
    else:
        finite = all(np.isfinite(chunk).all() for chunk in _chunks(vectors, chunk_size))
    if not finite:
        raise InputError("the vectors hold NaN or infinite values; check the encoder (float16 may overflow)")


def nearest(
    vectors: Vectors, centroids: NDArray[np.float32], *, chunk_size: int = CHUNK
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest centroid of each vector (N,), int64, and the squared distance to it (N,), float32."""
    if isinstance(vectors, DistantVectors):
        return vectors.nearest(centroids)
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
    vectors: Vectors, labels: NDArray[np.int64], n_clusters: int, *, chunk_size: int = CHUNK
) -> NDArray[np.float32]:
    """Return the mean vector (K, D), float32, of each cluster; zeros for an empty one."""
    if isinstance(vectors, DistantVectors):
        return vectors.means(labels, n_clusters)
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


def unit_length(vectors: NDArray[_Floats]) -> NDArray[_Floats]:
    """Scale vectors (N, D), float32 or float64, to unit length, in place, and return them; zeros stay zeros."""
    for start in range(0, len(vectors), _SCALED):
        rows = vectors[start : start + _SCALED]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return vectors


def _empty(labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    return np.flatnonzero(np.bincount(labels, minlength=n_clusters) == 0)


def _farthest(
    vectors: Vectors, distances: NDArray[np.float32], centroids: NDArray[np.float32]
) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = np.asarray(vectors[int(distances.argmax())], dtype=np.float32)
    squared_length = max(float(vector @ vector), float(np.einsum("kd,kd->k", centroids, centroids).max()))
    if distances.max() <= _RESOLUTION * squared_length:
        raise too_alike(len(vectors), len(centroids))
    return vector


def _chunks(vectors: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    file = _mapped_file(vectors)
    for start in range(0, len(vectors), size):
        yield np.asarray(vectors[start : start + size], dtype=np.float32)
        if file is not None:
            # pages that were read count as memory of the process until the system needs them for something else
            file.madvise(mmap.MADV_DONTNEED)


def taken(vectors: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of some rows (n, D), float32.

    Each row of a mapped file brings the pages around it into memory, 64 KB on Linux; they are given back on the way.
    """
    if isinstance(vectors, DistantVectors) or (file := _mapped_file(vectors)) is None:
        return np.asarray(vectors[rows], dtype=np.float32)
    copied = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_TAKEN):
        copied[start : start + _ROWS_TAKEN] = vectors[rows[start : start + _ROWS_TAKEN]]
        file.madvise(mmap.MADV_DONTNEED)
    return copied


def _mapped_file(vectors: NDArray[np.float32]) -> mmap.mmap | None:
    """Return the file that vectors are mapped from; ``None`` if there is none, or its pages may not be given back."""
    array: object = vectors
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.mode == "c":
            return None  # what was written to its pages is in no file
        array = array.base
    return array if isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None


_SAMPLE = 65_536
#: Rows of a mapped file that are copied before its pages are given back.
_ROWS_TAKEN = 2048


def kmeans(
    vectors: Vectors,
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

    No cluster is empty: a centroid without vectors moves to the vector that is farthest from its own centroid.

    Args:
        vectors: (N, D) float32; may be memory-mapped.
        n_clusters: K, from 1 to N.
        seed: Random seed.
        starts: Initial centroids (K, D), float32; k-means++ by default.
        n_init: Number of starts; the result has the lowest inertia.
        max_iterations: Maximum number of iterations of each start.
        tolerance: Stop when an iteration lowers the inertia by less than this share.
        sample_size: Maximum number of vectors (or K, if larger) for the starts; the best solution is then refined on
            all vectors.
        chunk_size: Number of vectors in memory at a time; changes results by rounding only.
        progress: Called with the number of finished starts, stage ``"cluster"``.

    Raises:
        SettingError: K or ``n_init`` is below 1, or the shape of the starts is wrong.
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
    sample_size = max(sample_size, n_clusters)
    if len(vectors) > sample_size:
        sample = taken(vectors, np.sort(random.choice(len(vectors), sample_size, replace=False)))
    else:
        sample = np.asarray(vectors)
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
#: Layouts of a consensus. On 2,000 instances of two development draws, the standard deviation of B³ F1 over seeds is
#: .001 with three or four layouts, and .007 and .011 with one.
_LAYOUTS = 3
#: Distance between the seeds of layouts, so that runs with consecutive seeds share none.
_APART = 1_000_003
_Result = TypeVar("_Result")


#: Starts at the parts of the neighbour graph (by the consensus of several layouts, one, or its eigenvectors), or at
#: distant vectors.
Start = Literal["consensus", "neighbours", "spectral", "k-means++"]


def starting_centroids(
    vectors: Vectors,
    n_clusters: int,
    *,
    start: Start,
    seed: int,
    n_init: int = 10,
    sample_size: int = _SEEDING_SAMPLE,
) -> NDArray[np.float32] | None:
    """Return where k-means starts (K, D), float32; ``None`` for k-means++, also if a neighbour graph says too little.

    Args:
        vectors: (N, D) float32.
        n_clusters: K, from 1 to N; above half the number of vectors, the graph carries no information.
        start: Where k-means starts.
        seed: Draws the sample and the layouts, which run on one thread and are repeatable.
        n_init: Number of starts of k-means for each layout.
        sample_size: Maximum number of vectors.
    """
    if start == "k-means++":
        return None
    if len(vectors) > sample_size:
        chosen = generator(seed, "neighbour seeds").choice(len(vectors), sample_size, replace=False)
        sample = taken(vectors, np.sort(chosen))
    else:
        sample = np.asarray(vectors)
    # UMAP needs more vectors than neighbours, and its spectral initialisation more than dimensions
    if len(sample) < 4 * _NEIGHBOURS or not 2 <= n_clusters <= len(sample) // 2:
        return None
    if len(np.unique(sample, axis=0)) < len(sample) // 2:
        return None
    from relscout.clustering.neighbours import spectral_layout, strongest_directions

    directions = strongest_directions(sample, _COMPONENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if start == "spectral":
            layouts = [spectral_layout(directions, _DIMENSIONS, n_neighbours=_NEIGHBOURS)]
        else:
            seeds = [seed + _APART * number for number in range(_LAYOUTS if start == "consensus" else 1)]
            layouts = in_own_thread(lambda: [_layout(directions, each) for each in seeds])
    joined = side_by_side(layouts) if start == "consensus" else layouts[0]
    # in more dimensions, k-means needs more starts to settle in the same partition
    parts = kmeans(joined, n_clusters, seed=seed, n_init=n_init * len(layouts))
    return means(sample, parts.labels, n_clusters)


def in_own_thread(function: Callable[[], _Result]) -> _Result:
    """Call a function in a thread of its own, so that its OpenMP settings do not affect the caller.

    When numba first runs a parallel function, it sets the number of OpenMP threads of the calling thread. PyTorch may
    use the same OpenMP library, and would then ignore ``OMP_NUM_THREADS``. OpenMP stores this number per thread.
    """
    result: Future[_Result] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)  # raised in the caller's thread

    # a daemon does not block an interrupted caller
    threading.Thread(target=run, name="relscout-umap", daemon=True).start()
    return result.result()


def _umap() -> Any:
    """Return the class UMAP; what it compiles is kept in a temporary folder if no other can be written."""
    try:
        from umap import UMAP
    except RuntimeError:
        # numba refuses where it can write neither to the folder of the package nor to the user's cache
        folder = tempfile.mkdtemp(prefix="relscout-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        import_module("numba").config.CACHE_DIR = folder
        from umap import UMAP
    return UMAP


def _layout(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Embed vectors (N, D) in few dimensions (N, d)."""
    layout = _umap()(
        n_components=_DIMENSIONS,
        n_neighbors=_NEIGHBOURS,
        min_dist=0.0,
        metric="cosine",
        random_state=seed % 2**32,  # the limit of NumPy's older generators
        n_epochs=_EPOCHS,
        n_jobs=1,
    ).fit_transform(vectors)
    return np.ascontiguousarray(layout, dtype=np.float32)


def side_by_side(layouts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return L layouts (N, d) side by side (N, L · d), float32, each centred and of mean square 1."""
    centred = [layout - layout.mean(axis=0) for layout in layouts]
    return np.hstack([layout / max(float(layout.std()), 1e-12) for layout in centred])


def started_kmeans(
    vectors: Vectors,
    n_clusters: int,
    *,
    start: Start,
    seed: int,
    n_init: int = 10,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Clusters:
    """Cluster vectors (N, D), float32, by k-means.

    Args:
        vectors: The vectors.
        n_clusters: K, from 1 to N.
        start: Where k-means starts.
        seed: Random seed.
        n_init: Number of starts; the result has the lowest inertia.
        max_iterations: Maximum number of iterations of each start.
        progress: Called with the number of finished starts, stage ``"cluster"``.

    Raises:
        InputError: There are fewer vectors (or fewer different ones) than clusters, or some are not finite.
    """
    starts = starting_centroids(vectors, n_clusters, start=start, seed=seed, n_init=n_init)
    options = {"n_init": n_init, "max_iterations": max_iterations}
    return kmeans(vectors, n_clusters, seed=seed, starts=starts, progress=progress, **options)


#: Calibrated so that the mean confidence equals the share of instances in the majority of their cluster, on draws of
#: labelled relations that are not in any reported result.
_WIDENING = 4.5


def spread(vectors: NDArray[np.float32], inertia: float) -> float:
    """Return the variance σ² for which the confidences of :func:`soft_assignment` are calibrated.

    Transformer vectors vary in few of their dimensions. The variance within clusters is therefore divided by the number
    of *effective* dimensions: the participation ratio (Σλ)² / Σλ² of the covariance's eigenvalues λ.

    Args:
        vectors: (N, D) float32; a few thousand are sufficient.
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
    # in place: (N, K) may be the largest array
    shares: NDArray[np.float32] = vectors @ centroids.T
    shares -= norms / 2  # ‖x‖² is the same for every k
    shares /= np.float32(variance)
    shares -= shares.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
