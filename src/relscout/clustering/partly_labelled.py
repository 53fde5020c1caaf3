"""K-means where some vectors are labelled: their clusters are given, others are found beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import means, nearest
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.errors import InputError

_ROUNDS = 100


@dataclass(frozen=True)
class PartlyLabelled:
    """Clusters of labelled and unlabelled vectors.

    Args:
        centroids: (C + K, D), float32: those of the classes, then those that were found.
        labels: Nearest centroid of each unlabelled vector (N,), int64.
    """

    centroids: NDArray[np.float32]
    labels: NDArray[np.int64]


def partly_labelled_kmeans(
    vectors: NDArray[np.float32],
    labelled: NDArray[np.float32],
    classes: NDArray[np.int64],
    n_found: int,
    *,
    stranger: float = 0.95,
    seed: int,
) -> PartlyLabelled:
    """Cluster vectors of which some may belong to given classes.

    The semi-supervised k-means of Vaze, Han, Vedaldi, Zisserman: "Generalized Category Discovery" (CVPR 2022, section
    3.3): labelled vectors stay in the cluster of their class, the others go to the nearest of all. The clusters to be
    found do not start at random but in what is strange: vectors that lie farther from any class than most of its own.

    Args:
        vectors: Unlabelled (N, D), float32.
        labelled: (L, D), float32.
        classes: Of each labelled vector (L,), int64, every one from 0 to C - 1 among them.
        n_found: Clusters K to be found beside the classes, from 1 to N.
        stranger: Share of the labelled vectors that are nearer to the mean of their own class than a stranger.
        seed: Draws the starts.

    Raises:
        InputError: There are fewer unlabelled vectors than clusters to be found, or fewer of them differ.
    """
    distinct = np.unique(vectors, axis=0)
    if n_found > len(distinct):
        raise InputError(
            f"cannot find {n_found} clusters in {len(vectors)} vectors, of which {len(distinct)} differ; ask for at "
            f"most {len(distinct)}"
        )
    n_classes = int(classes.max()) + 1
    of_classes = means(labelled, classes, n_classes)
    own = np.square(labelled - of_classes[classes]).sum(axis=1)
    strangeness = nearest(distinct, of_classes)[1]
    # where hardly anything is strange, what is strangest
    least = np.partition(strangeness, len(distinct) - n_found)[len(distinct) - n_found]
    strangers = distinct[strangeness >= min(float(np.quantile(own, stranger)), float(least))]
    starts = neighbour_seeds(strangers, n_found, seed=seed)
    centroids = np.concatenate([of_classes, kmeans(strangers, n_found, seed=seed, starts=starts).centroids])
    labels = nearest(vectors, centroids)[0]
    for _ in range(_ROUNDS):
        everything = np.concatenate([vectors, labelled])
        fresh = means(everything, np.concatenate([labels, classes]), len(centroids))
        empty = np.bincount(labels, minlength=len(centroids))[n_classes:] == 0
        fresh[n_classes:][empty] = centroids[n_classes:][empty]
        centroids, before = fresh, labels
        labels = nearest(vectors, centroids)[0]
        if (labels == before).all():
            break
    return PartlyLabelled(centroids, labels)
