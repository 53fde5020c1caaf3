"""How SelfORE's clusters become relations: adaptive or hard clusters, merged, none of them empty, the largest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import AdaptiveClusters, assign
from relscout.clustering.autoencoder import Mapping as VectorMapping
from relscout.clustering.lloyd import Clusters, nearest
from relscout.clustering.soft import soft_assignment, spread
from relscout.methods.merging import merged, of_relations
from relscout.methods.vectors import drawn, largest_first
from relscout.seeding import generator


class Partition(Protocol):
    """Clusters that tell how well a vector belongs to each."""

    @property
    def centroids(self) -> NDArray[np.float32]:
        """Centroids (K̂, Z), float32."""
        ...

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how well each vector belongs to each cluster (N, K̂), float32, rows summing to 1."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        ...


@dataclass(frozen=True)
class Adaptive:
    """Clusters of adaptive clustering (eq. 7–10).

    Args:
        mapping: From vectors to codes.
        centroids: μ (K̂, Z), float32.
        frequencies: f_k (K̂,), float64; empty where labels are read from q.
        alpha: Degrees of freedom of the Student t-distribution.
    """

    mapping: VectorMapping
    centroids: NDArray[np.float32]
    frequencies: NDArray[np.float64]
    alpha: float

    @classmethod
    def of(cls, found: AdaptiveClusters) -> Adaptive:
        """Take over what adaptive clustering found."""
        frequencies = found.frequencies if found.label_from == "target" else np.empty(0)
        return cls(found.mapping, found.centroids, frequencies, found.alpha)

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p (eq. 8), or q (eq. 7), of each vector (N, K̂), float32."""
        frequencies = self.frequencies if len(self.frequencies) else None
        return assign(self.mapping, self.centroids, vectors, alpha=self.alpha, frequencies=frequencies)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        found: dict[str, NDArray[Any]] = {
            f"mapping.{name}": array for name, array in self.mapping.arrays().items()
        }
        return {**found, "centroids": self.centroids, "frequencies": self.frequencies}


@dataclass(frozen=True)
class Hard:
    """Clusters of k-means.

    Args:
        centroids: Means (K̂, D), float32.
        variance: Variance of a cluster (see :func:`relscout.clustering.soft.spread`), in an array of one.
    """

    centroids: NDArray[np.float32]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, found: Clusters, vectors: NDArray[np.float32], *, seed: int) -> Hard:
        """Take over what k-means found."""
        sample = drawn(vectors, generator(seed, "spread"))
        return cls(found.centroids, np.array([spread(sample, found.inertia / len(vectors))]))

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the posterior of each cluster (N, K̂), float32."""
        return soft_assignment(vectors, self.centroids, float(self.variance[0]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {"centroids": self.centroids, "variance": self.variance}


def restored(arrays: Mapping[str, NDArray[Any]], *, alpha: float) -> Adaptive | Hard:
    """Build a partition from what ``arrays`` gave."""
    if "variance" in arrays:
        return Hard(arrays["centroids"], arrays["variance"])
    mapped = {name.removeprefix("mapping."): a for name, a in arrays.items() if name.startswith("mapping.")}
    return Adaptive(VectorMapping.from_arrays(mapped), arrays["centroids"], arrays["frequencies"], alpha)


def relations_of_clusters(
    partition: Partition, vectors: NDArray[np.float32], n_relations: int, *, seed: int
) -> NDArray[np.int64]:
    """Return the relation of each cluster (K̂,), int64: relations are numbered by size and none is empty.

    Where there are more clusters than relations, k-means merges them (section 3.2). A cluster that
    no vector chooses joins the one with the nearest centroid, so that fewer may be left than were asked for.

    Args:
        partition: The clusters.
        vectors: What was clustered (N, D), float32.
        n_relations: Number of relations, at most K̂.
        seed: Draws the starts of k-means.
    """
    shares, centroids = partition.shares(vectors), partition.centroids
    groups = np.arange(len(centroids))
    if n_relations < len(centroids):
        labels = shares.argmax(axis=1)
        chosen = np.unique(labels)
        # a cluster that no vector chose goes with the one that is nearest
        nearest_chosen = nearest(centroids, centroids[chosen])[0]
        nearest_chosen[chosen] = np.arange(len(chosen))
        groups = merged(vectors, labels, n_relations, seed=seed)[nearest_chosen]
    while True:
        labels = of_relations(shares, groups).argmax(axis=1)
        unchosen = np.flatnonzero(~np.isin(groups, labels))
        if not len(unchosen):
            break
        others = np.flatnonzero(np.isin(groups, labels))
        groups = groups.copy()
        groups[unchosen] = groups[others[nearest(centroids[unchosen], centroids[others])[0]]]
        groups = np.searchsorted(np.unique(groups), groups)
    order = largest_first(labels, int(groups.max()) + 1)
    return np.argsort(order)[groups]
