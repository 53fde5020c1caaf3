"""Estimates the number of relations: the finest partition that follows the neighbour graph.

A sample is clustered with every candidate K, and the partition is scored by its modularity (Newman and Girvan 2004) on
the graph of nearest neighbours: the share of edges inside clusters minus the expected share of a random graph.
Modularity falls slowly while clusters of several relations are split, and fast once single relations are split. The
chosen K is therefore not its maximum, which merges similar relations, but the last K whose smoothed modularity is a set
share of the maximum. Share, neighbours and smoothing were chosen on draws of 5 to 40 labelled relations that are not in
any reported result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Vectors, check_finite, kmeans
from relscout.clustering.neighbours import modularity, neighbour_graph, strongest_directions
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator

#: Number of instances for which the share below was chosen: with more instances, the graph distinguishes finer parts.
_SAMPLE = 2500
_NEIGHBOURS = 20
_SHARE = 0.95
_STEP = 1.13
#: Samples (with a small corpus, starts of k-means) over which the curve is averaged.
_REPEATS = 3
_APART = 1_000_003
#: A curve ends at this share of its maximum, after at least this many candidates.
_FALLEN, _AT_LEAST = 0.75, 8
_COMPONENTS = 128
#: Distance of the cosine from 1 below which vectors count as equal: k-means in float32 may not separate them.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class KChoice:
    """The chosen number of clusters and the curve that determines it.

    Args:
        k: The chosen number.
        candidates: Every K that was tried, ascending.
        modularity: Modularity of the partition into each, in [-0.5, 1].
        smoothed: Mean of each value and its two neighbours.
        threshold: Minimum of the smoothed curve.
    """

    k: int
    candidates: tuple[int, ...]
    modularity: tuple[float, ...]
    smoothed: tuple[float, ...]
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "criterion": "last K whose smoothed modularity on the neighbour graph reaches the threshold",
            "k": self.k,
            "candidates": list(self.candidates),
            "modularity": [round(value, 6) for value in self.modularity],
            "smoothed": [round(value, 6) for value in self.smoothed],
            "threshold": round(self.threshold, 6),
        }


def choose_k(
    vectors: Vectors,
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
        smallest: Smallest candidate.
        largest: Largest candidate, limited to a quarter of the sample and the number of different vectors.
        sample_size: Maximum number of vectors in a sample.
        progress: Called with the number of finished samples, stage ``"choose K"``.

    Raises:
        InputError: Some vectors are not finite.
    """
    # far apart, so that runs with consecutive seeds stay independent
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


def _drawn(vectors: Vectors, size: int, *, seed: int) -> NDArray[np.float32]:
    if len(vectors) <= size:
        return np.asarray(vectors)
    chosen = generator(seed, "choose K").choice(len(vectors), size, replace=False)
    return np.asarray(vectors[np.sort(chosen)])


def _curve(sample: NDArray[np.float32], candidates: Sequence[int], *, seed: int) -> list[float]:
    """Return the modularity for each K, until it is far below the maximum."""
    graph = neighbour_graph(sample @ sample.T, min(_NEIGHBOURS, len(sample) - 1))
    reduced = strongest_directions(sample, _COMPONENTS)
    curve: list[float] = []
    for k in candidates:
        labels = kmeans(reduced, k, seed=seed, n_init=1, tolerance=1e-3).labels
        curve.append(modularity(graph, labels, k))
        if len(curve) > _AT_LEAST and curve[-1] < _FALLEN * max(curve):
            break
    return curve


def _candidates(smallest: int, largest: int) -> tuple[int, ...]:
    """Return numbers from smallest to largest in steps of about 13 %."""
    candidates = []
    k = smallest
    while k <= largest:
        candidates.append(k)
        k = max(k + 1, round(k * _STEP))
    return tuple(candidates)


def _count_different(similarity: NDArray[np.float32]) -> int:
    """Count the different vectors, up to float32 rounding, by their cosines (N, N)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(csr_matrix(similarity > 1 - _ROUNDING), directed=False)[0])
