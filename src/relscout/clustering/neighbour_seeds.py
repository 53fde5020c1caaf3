"""Where k-means starts: at the parts of the neighbour graph rather than at distant vectors.

K-means++ looks for vectors far from each other, and in a space where relations lie close together it often starts twice
in a large relation and never in two similar ones. UMAP (McInnes et al. 2018) lays the graph of nearest neighbours out
in few dimensions, where its parts stand apart; k-means there gives a partition, and the means of its parts in the
original space are the starts.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import means
from relscout.clustering.projection import strongest_directions
from relscout.seeding import generator

_SAMPLE = 5000
_COMPONENTS = 128
_NEIGHBOURS = 30
_DIMENSIONS = 10
_EPOCHS = 200
_Result = TypeVar("_Result")


def neighbour_seeds(
    vectors: NDArray[np.float32], n_clusters: int, *, seed: int, n_init: int = 10, sample_size: int = _SAMPLE
) -> NDArray[np.float32] | None:
    """Return starts for k-means (K, D), float32, or ``None`` where there are too few vectors for a neighbour graph.

    Args:
        vectors: (N, D) float32.
        n_clusters: K; for more than half as many as there are vectors, the graph has nothing to tell.
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
