"""How many relations are there? The finest partition that still follows the neighbour graph.

For every candidate K the sample is clustered, and the partition is scored by its modularity (Newman and Girvan 2004) on the
graph of nearest neighbours: how many more edges run inside clusters than if edges were drawn at random. Modularity falls
slowly while clusters that hold several relations are taken apart, and fast once single relations are cut; chosen is
therefore not its maximum (which puts similar relations together) but the last K before the smoothed curve has fallen to
a set share of it. Share, neighbours and smoothing were chosen on draws of 5 to 40 labelled relations, never on the
relations that are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.progress import Progress, silent
from relscout.seeding import generator

_SAMPLE = 4000
_NEIGHBOURS = 20
_SHARE = 0.92
_STEP = 1.13
_COMPONENTS = 128


@dataclass(frozen=True)
class KChoice:
    """The chosen number of clusters and the curve behind it.

    Args:
        k: The chosen number.
        candidates: Every K that was tried, ascending.
        modularity: Modularity of the partition into each, in [-0.5, 1].
        smoothed: The curve that decides: the mean of each value and its two neighbours.
        threshold: What the smoothed curve must reach.
    """

    k: int
    candidates: tuple[int, ...]
    modularity: tuple[float, ...]
    smoothed: tuple[float, ...]
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "criterion": "last K whose smoothed modularity on the neighbour graph reaches the threshold",
            "k": self.k,
            "candidates": list(self.candidates),
            "modularity": [round(value, 6) for value in self.modularity],
            "smoothed": [round(value, 6) for value in self.smoothed],
            "threshold": round(self.threshold, 6),
        }


def choose_k(
    vectors: NDArray[np.float32],
    *,
    seed: int,
    smallest: int = 2,
    largest: int = 128,
    progress: Progress = silent,
) -> KChoice:
    """Estimate the number of clusters.

    Args:
        vectors: (N, D) float32, of unit length; at most 4,000 of them are looked at.
        seed: Draws the sample and the starts of k-means.
        smallest: Smallest K that is considered.
        largest: Largest K that is considered; never more than a quarter of the sample, nor than there are different
            vectors.
        progress: Told the candidates done, stage ``"choose K"``.
    """
    sample = np.asarray(vectors)
    if len(vectors) > _SAMPLE:
        chosen = generator(seed, "choose K").choice(len(vectors), _SAMPLE, replace=False)
        sample = np.asarray(vectors[np.sort(chosen)])
    n_different = len(np.unique(sample, axis=0))
    candidates = _candidates(smallest, min(largest, len(sample) // 4, n_different))
    if len(candidates) < 2:
        only = max(1, min(smallest, n_different, len(sample) // 2))
        return KChoice(only, (only,), (0.0,), (0.0,), 0.0)
    graph = _neighbour_graph(sample, min(_NEIGHBOURS, len(sample) - 1))
    reduced = _principal_components(sample, _COMPONENTS)
    curve = []
    for place, k in enumerate(candidates):
        progress("choose K", place, len(candidates))
        labels = kmeans(reduced, k, seed=seed, n_init=2, tolerance=1e-3).labels
        curve.append(_modularity(graph, labels, k))
    progress("choose K", len(candidates), len(candidates))
    smoothed = [float(np.mean(curve[max(place - 1, 0) : place + 2])) for place in range(len(curve))]
    threshold = _SHARE * max(smoothed)
    place = int(np.argmax(smoothed))
    while place + 1 < len(smoothed) and smoothed[place + 1] >= threshold:
        place += 1
    return KChoice(candidates[place], candidates, tuple(curve), tuple(smoothed), threshold)


def _candidates(smallest: int, largest: int) -> tuple[int, ...]:
    """Return numbers from smallest to largest, each about 13 % above the one before."""
    found = []
    k = smallest
    while k <= largest:
        found.append(k)
        k = max(k + 1, round(k * _STEP))
    return tuple(found)


def _neighbour_graph(vectors: NDArray[np.float32], n_neighbours: int) -> Any:
    """Return the symmetric graph (N, N) that joins each vector to its nearest by cosine, as a sparse matrix."""
    from scipy.sparse import csr_matrix

    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argpartition(-similarity, n_neighbours - 1, axis=1)[:, :n_neighbours]
    rows = np.repeat(np.arange(len(vectors)), n_neighbours)
    ones = np.ones(len(rows), dtype=np.float64)
    directed = csr_matrix((ones, (rows, nearest.ravel())), shape=(len(vectors), len(vectors)))
    return directed.maximum(directed.T)


def _modularity(graph: Any, labels: NDArray[np.int64], k: int) -> float:
    from scipy.sparse import csr_matrix

    members = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    total = degrees.sum()
    inside = (members @ graph @ members.T).diagonal() / total
    return float(inside.sum() - ((members @ degrees / total) ** 2).sum())


def _principal_components(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    count = min(count, *centred.shape)
    if centred.shape[1] <= centred.shape[0]:
        _, directions = np.linalg.eigh(centred.T @ centred)
        return np.asarray(centred @ directions[:, ::-1][:, :count], dtype=np.float32)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, :count] * sizes[:count], dtype=np.float32)
