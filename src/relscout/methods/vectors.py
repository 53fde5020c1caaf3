"""What methods do with vectors and clusters: canonical order, numbering by size, confidences, merging."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, Vectors, check_finite, means, starting_centroids, unit_length
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.surfaces import folded
from relscout.encoders import Encoder, OnLoss, encoded

_CHUNK = 4096


def encode(
    encoder: Encoder,
    instances: Sequence[RelationInstance],
    *,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, of unit length.

    Raises:
        InputError: A vector is not finite.
    """
    vectors = encoded(encoder, instances, progress=progress, on_loss=on_loss)
    check_finite(vectors)
    return unit_length(vectors)


def transformed(
    encoder: Encoder, instances: Sequence[RelationInstance], *, progress: Progress = silent
) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, of unit length, encoded in canonical order and returned in the input's order."""
    order = canonical_order(instances)
    return scattered(encode(encoder, [instances[place] for place in order], progress=progress), order)


def scattered(rows: NDArray[np.float32], order: Sequence[int]) -> NDArray[np.float32]:
    """Return the rows with row i at position ``order[i]``; rows that are in order already are not copied."""
    if all(place == row for row, place in enumerate(order)):
        return rows
    return rows[np.argsort(order)]


#: Difference up to which two values of vectors count as equal, as a share of the largest value.
_EQUAL = 1e-5


def identical_share(instances: Sequence[RelationInstance], vectors: NDArray[np.float32]) -> float:
    """Return the share of instances whose vector equals that of an instance with another text, in [0, 1].

    Texts that differ in their mentions, case or spacing only count as the same.

    Args:
        instances: N instances.
        vectors: Their vectors (N, D).
    """
    if len(vectors) < 2:
        return 0.0
    tolerance = _EQUAL * max(float(vectors.max()), -float(vectors.min()), 1e-12)
    # equal vectors are neighbours in the order of a random projection
    weights = np.random.default_rng(0).standard_normal(vectors.shape[1])
    chunks = range(0, len(vectors), _CHUNK)
    keys = np.concatenate([vectors[start : start + _CHUNK].astype(np.float64) @ weights for start in chunks])
    order = np.argsort(keys, kind="stable")
    apart = np.diff(keys[order]) > tolerance * vectors.shape[1] ** 0.5
    near = np.flatnonzero(~apart)
    for places in np.split(near, range(_CHUNK, len(near), _CHUNK)):
        apart[places] = (np.abs(vectors[order[places]] - vectors[order[places + 1]]) > tolerance).any(axis=1)
    groups = np.split(order, np.flatnonzero(apart) + 1)
    same = sum(
        len(group)
        for group in groups
        if len(group) > 1 and len({_without_mentions(instances[place]) for place in group}) > 1
    )
    return same / len(vectors)


def _without_mentions(instance: RelationInstance) -> tuple[object, ...]:
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    text, last = instance.text, max(first.end, second.end)
    parts = text[: first.start], text[first.end : second.start], text[last:]
    return first is instance.head, *(" ".join(folded(part).split()) for part in parts)


def drawn(vectors: Vectors, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the vectors, or a random sample of :data:`_CHUNK` of them."""
    if len(vectors) <= _CHUNK:
        return np.asarray(vectors)
    return np.asarray(vectors[np.sort(random.choice(len(vectors), _CHUNK, replace=False))])


def largest_first(labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    """Return clusters (K,), int64, the largest first; of equal size, that with the first member first."""
    sizes = np.bincount(labels, minlength=n_clusters)
    first_member = np.full(n_clusters, len(labels))
    np.minimum.at(first_member, labels, np.arange(len(labels)))
    return np.lexsort((first_member, -sizes))


def outputs_by_size(labels: NDArray[np.int64], n_outputs: int) -> NDArray[np.int64]:
    """Return the outputs that some instance is assigned to, the largest first."""
    order = largest_first(labels, n_outputs)
    return order[np.bincount(labels, minlength=n_outputs)[order] > 0]


def sorted_clusters(clusters: Clusters) -> Clusters:
    """Return clusters numbered by size, the largest first."""
    order = largest_first(clusters.labels, len(clusters.centroids))
    return Clusters(clusters.centroids[order], np.argsort(order)[clusters.labels], clusters.inertia)


#: Number of bisections of the exponent in :func:`exponent_for`, and the lowest share that is not raised.
_BISECTIONS, _TINY = 40, 1e-30


def exponent_for(shares: NDArray[np.float32], confidence: float) -> float:
    """Return the exponent, in (0, 1], with which the mean of the highest shares equals a confidence.

    Clustering drives shares to 0 and 1 regardless of its errors. They rank instances by confidence, but are not
    calibrated. Raising them to a power keeps the ranking and sets their mean.

    Args:
        shares: Shares of the relations (N, K), float32.
        confidence: The desired mean, in [0, 1].
    """
    low, high = 0.0, 1.0
    if len(shares) == 0 or float(softened(shares, high).max(axis=1).mean()) <= confidence:
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = float(softened(shares, middle).max(axis=1).mean()) > confidence
        low, high = (low, middle) if above else (middle, high)
    return high


def softened(shares: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    """Return shares (N, K) raised to a power in (0, 1], rows summing to 1. The highest of a row stays the highest."""
    powers: NDArray[np.float32] = np.maximum(shares, np.float32(_TINY)) ** np.float32(exponent)
    powers /= powers.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    # rounding may make different shares equal
    moved = np.flatnonzero(powers.argmax(axis=1) != best)
    powers[moved, best[moved]] = np.nextafter(powers[moved].max(axis=1), np.float32(2))
    return powers


def checked_n_clusters(n_clusters: int, n_relations: int, n_instances: int) -> int:
    """Return the number of clusters K̂: the setting ``n_clusters``, or the number of relations if it is 0.

    Raises:
        SettingError: There are fewer clusters than relations.
        InputError: There are fewer instances than clusters.
    """
    number = n_clusters or n_relations
    if number < n_relations:
        raise SettingError(
            f"n_clusters is {number}, but {n_relations} relations were asked for; give as many pseudo labels, or 0"
        )
    if n_relations <= n_instances < number:
        raise InputError(
            f"n_clusters is {number}, but there are only {n_instances} instances; ask for at most as many"
        )
    return number


def merged(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], n_relations: int, *, seed: int
) -> NDArray[np.int64]:
    """Return the group of each non-empty cluster (K′,), int64, by k-means on the clusters' means, weighted by size.

    SelfORE (section 3.2) merges centroids and does not say whether they are weighted. If K̂ ≫ K, most clusters have few
    vectors or none, and unweighted they would fill most of the K groups. Codes of a mapping that was adapted to K̂ ≫ K
    clusters do not show which clusters are similar either, but the means of the vectors do.

    Args:
        vectors: Vectors (N, D), float32.
        labels: Cluster of each vector (N,), int64.
        n_relations: Largest number of groups.
        seed: Random seed of the starts of k-means.
    """
    from sklearn.cluster import KMeans

    _, member = np.unique(labels, return_inverse=True)
    sizes = np.bincount(member)
    of_clusters = means(vectors, member, len(sizes))
    n_groups = min(n_relations, len(np.unique(of_clusters.round(4), axis=0)))
    starts = starting_centroids(vectors, n_groups, start="neighbours", seed=seed)
    groups = KMeans(
        n_groups,
        init="k-means++" if starts is None else starts,
        n_init=10 if starts is None else 1,
        random_state=seed % 2**32,
    ).fit_predict(of_clusters, sample_weight=sizes)
    # k-means may leave a group empty
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def of_relations(shares: NDArray[np.float32], relation_of: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of each relation (N, K), float32: the highest share of its clusters.

    The sum over its clusters would favour relations with many clusters.

    Args:
        shares: Shares of the clusters (N, K̂), float32.
        relation_of: Relation of each cluster (K̂,), int64, from 0 to K - 1; each occurs.
    """
    order = np.argsort(relation_of, kind="stable")
    first = np.searchsorted(relation_of[order], np.arange(int(relation_of.max()) + 1))
    highest: NDArray[np.float32] = np.maximum.reduceat(shares[:, order], first, axis=1)
    return highest
