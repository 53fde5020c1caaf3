"""How many relations are there? The finest partition that still follows the neighbour graph.

For every candidate K the sample is clustered, and the partition is scored by its modularity (Newman and Girvan 2004) on
the graph of nearest neighbours: how many more edges run inside clusters than if edges were drawn at random. Modularity
falls slowly while clusters that hold several relations are taken apart, and fast once single relations are cut; chosen
is therefore not its maximum (which puts similar relations together) but the last K before the smoothed curve has fallen
to a set share of it. Share, neighbours and smoothing were chosen on draws of 5 to 40 labelled relations, never on the
relations that are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import check_finite, kmeans
from relscout.clustering.neighbours import strongest_directions
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator

#: About the number of instances for which the share below was chosen: the more instances a relation has, the finer the
#: parts of it that the graph can distinguish.
_SAMPLE = 2500
_NEIGHBOURS = 20
_SHARE = 0.95
_STEP = 1.13
#: Samples (or, of a small corpus, starts of k-means) over which the curve is averaged.
_REPEATS = 3
_APART = 1_000_003
#: A curve ends when it has fallen to this share of its best, but not before this many candidates.
_FALLEN, _AT_LEAST = 0.75, 8
_COMPONENTS = 128
#: Vectors whose cosine is nearer to 1 than this count as equal: k-means in float32 cannot part them surely.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class KChoice:
    """The chosen number of clusters and the curve it was chosen from.

    Args:
        k: The chosen number.
        candidates: Every K that was tried, ascending, up to where the curve has clearly fallen.
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
    sample_size: int = _SAMPLE,
    progress: Progress = silent,
) -> KChoice:
    """Estimate the number of clusters, from curves averaged over three samples.

    Args:
        vectors: (N, D) float32, of unit length.
        seed: Draws the sample and the starts of k-means.
        smallest: Smallest K that is considered.
        largest: Largest K that is considered; never more than a quarter of the sample, nor than there are different
            vectors.
        sample_size: No more vectors than this are looked at.
        progress: Called with the samples done, stage ``"choose K"``.

    Raises:
        InputError: Some vectors are not finite.
    """
    # far from the seeds of other users' runs, so that their results stay independent
    seeds = [seed + _APART * repeat for repeat in range(_REPEATS)]
    samples = [_drawn(vectors, sample_size, seed=sample_seed) for sample_seed in seeds]
    check_finite(samples[0])
    n_sample, n_different = len(samples[0]), _count_different(samples[0] @ samples[0].T)
    candidates = _candidates(smallest, min(largest, n_sample // 4, n_different))
    if len(candidates) < 2:
        only = max(1, min(smallest, largest, n_different, n_sample // 2))
        return KChoice(only, (only,), (0.0,), (0.0,), 0.0)
    curves = []
    for repeat, sample in enumerate(samples):
        progress("choose K", repeat, _REPEATS)
        curves.append(_curve(sample, candidates, seed=seeds[repeat]))
    progress("choose K", _REPEATS, _REPEATS)
    shortest = min(map(len, curves))
    curve = np.mean([full[:shortest] for full in curves], axis=0).tolist()
    smoothed = [float(np.mean(curve[max(place - 1, 0) : place + 2])) for place in range(len(curve))]
    threshold = _SHARE * max(smoothed)
    place = int(np.argmax(smoothed))
    while place + 1 < len(smoothed) and smoothed[place + 1] >= threshold:
        place += 1
    return KChoice(candidates[place], candidates[:shortest], tuple(curve), tuple(smoothed), threshold)


def _drawn(vectors: NDArray[np.float32], size: int, *, seed: int) -> NDArray[np.float32]:
    if len(vectors) <= size:
        return np.asarray(vectors)
    chosen = generator(seed, "choose K").choice(len(vectors), size, replace=False)
    return np.asarray(vectors[np.sort(chosen)])


def _curve(sample: NDArray[np.float32], candidates: Sequence[int], *, seed: int) -> list[float]:
    """Return the modularity of the partition into each K, up to where it has fallen far below the best."""
    graph = _neighbour_graph(sample @ sample.T, min(_NEIGHBOURS, len(sample) - 1))
    reduced = strongest_directions(sample, _COMPONENTS)
    curve: list[float] = []
    for k in candidates:
        labels = kmeans(reduced, k, seed=seed, n_init=1, tolerance=1e-3).labels
        curve.append(_modularity(graph, labels, k))
        if len(curve) > _AT_LEAST and curve[-1] < _FALLEN * max(curve):
            break
    return curve


def _candidates(smallest: int, largest: int) -> tuple[int, ...]:
    """Return numbers from smallest to largest, each about 13 % above the one before."""
    candidates = []
    k = smallest
    while k <= largest:
        candidates.append(k)
        k = max(k + 1, round(k * _STEP))
    return tuple(candidates)


def _count_different(similarity: NDArray[np.float32]) -> int:
    """Count the vectors whose cosines (N, N) differ from those of all others by more than float32 rounding."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(csr_matrix(similarity > 1 - _ROUNDING), directed=False)[0])


def _neighbour_graph(similarity: NDArray[np.float32], n_neighbours: int) -> Any:
    """Return the symmetric graph (N, N) that joins each vector to its nearest by cosine, as a sparse matrix."""
    from scipy.sparse import csr_matrix

    count = len(similarity)
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argpartition(-similarity, n_neighbours - 1, axis=1)[:, :n_neighbours]
    rows = np.repeat(np.arange(count), n_neighbours)
    ones = np.ones(len(rows), dtype=np.float64)
    directed = csr_matrix((ones, (rows, nearest.ravel())), shape=(count, count))
    return directed.maximum(directed.T)


def _modularity(graph: Any, labels: NDArray[np.int64], k: int) -> float:
    from scipy.sparse import csr_matrix

    members = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    total = degrees.sum()
    inside = (members @ graph @ members.T).diagonal() / total
    return float(inside.sum() - ((members @ degrees / total) ** 2).sum())
