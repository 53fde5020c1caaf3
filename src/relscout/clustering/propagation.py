"""Exemplars at several granularities by affinity propagation.

Frey and Dueck, "Clustering by Passing Messages Between Data Points" (Science 2007), in scikit-learn's implementation.
Its preference decides how many points become exemplars. As in HiURE (Liu et al., NAACL 2022), several preferences
between the lowest and the median similarity give exemplars from coarse to fine.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator

#: Share of the old messages that are kept in each iteration, which prevents oscillation.
_DAMPING = 0.8
#: Maximum number of iterations; messages that oscillate to the end give no exemplars.
_ITERATIONS = 200


def preferences(similarities: NDArray[np.float64], levels: int) -> list[float]:
    """Return preferences, evenly spaced from the lowest to the median similarity of two points, in ascending order.

    Args:
        similarities: (N, N), N at least 2; the diagonal is not read.
        levels: Number of preferences, at least 1; of one, it is the median.
    """
    of_pairs = similarities[~np.eye(len(similarities), dtype=bool)]
    lowest, median = float(of_pairs.min()), float(np.median(of_pairs))
    return [float(value) for value in np.linspace(median if levels == 1 else lowest, median, levels)]


def propagated_exemplars(
    vectors: NDArray[np.float32], *, levels: int, most: int, seed: int, progress: Progress = silent
) -> list[NDArray[np.int64]]:
    """Return the rows of the exemplars of each level (C,), int64, ascending; levels without two are left out.

    Args:
        vectors: (N, D), float32, of unit length; the similarity of two is their inner product.
        levels: Number of preferences, from the lowest similarity, which gives few exemplars, to the median.
        most: Largest number of vectors that exchange messages, since time and memory grow with its square; of more, a
            sample does.
        seed: Random seed of the sample and of ties.
        progress: Called with the number of levels done, stage ``"propagate"``.
    """
    from sklearn.cluster import affinity_propagation

    rows = np.arange(len(vectors))
    if len(rows) > most:
        rows = np.sort(generator(seed, "propagation sample").choice(len(rows), most, replace=False))
    if len(rows) < 2:
        return []
    sample = vectors[rows].astype(np.float64)
    similarities = sample @ sample.T
    exemplars: list[NDArray[np.int64]] = []
    for level, preference in enumerate(preferences(similarities, levels)):
        progress("propagate", level, levels)
        with warnings.catch_warnings():
            # without convergence, or if all similarities are equal; what was reached is checked below
            warnings.simplefilter("ignore")
            centres, _ = affinity_propagation(
                similarities,
                preference=preference,
                damping=_DAMPING,
                max_iter=_ITERATIONS,
                random_state=int(generator(seed, f"propagation {level}").integers(2**31)),
            )
        if len(centres) > 1:
            exemplars.append(np.sort(rows[np.asarray(centres, dtype=np.int64)]))
    return exemplars
