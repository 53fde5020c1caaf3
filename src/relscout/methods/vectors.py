"""Vectors as the methods use them: of unit length, in an order that does not depend on the input's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import Clusters, check_finite
from relscout.encoders import Encoder, OnLoss
from relscout.encoders.own import encoded
from relscout.instances import RelationInstance, canonical_order
from relscout.progress import Progress, silent

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
        InputError: Some are not finite.
    """
    vectors = encoded(encoder, instances, progress=progress, on_loss=on_loss)
    check_finite(vectors)
    return unit_length(vectors)


def transformed(
    encoder: Encoder, instances: Sequence[RelationInstance], *, progress: Progress = silent
) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, of unit length, encoded in canonical order and given back in the input's."""
    order = canonical_order(instances)
    return scattered(encode(encoder, [instances[place] for place in order], progress=progress), order)


def scattered(rows: NDArray[np.float32], order: Sequence[int]) -> NDArray[np.float32]:
    """Put row i back to place ``order[i]``; rows that stand in order are not copied."""
    if all(place == row for row, place in enumerate(order)):
        return rows
    return rows[np.argsort(order)]


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors (N, D) to unit length, in place."""
    for start in range(0, len(vectors), _CHUNK):
        rows = vectors[start : start + _CHUNK]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return vectors


def drawn(vectors: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return the vectors, or a sample of a few thousand, where a sample serves as well as all."""
    if len(vectors) <= _CHUNK:
        return vectors
    return np.asarray(vectors[np.sort(random.choice(len(vectors), _CHUNK, replace=False))])


def largest_first(labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    """Return clusters (K,), int64, the largest first; of equal ones, that whose first member comes first."""
    sizes = np.bincount(labels, minlength=n_clusters)
    first_member = np.full(n_clusters, len(labels))
    np.minimum.at(first_member, labels, np.arange(len(labels)))
    return np.lexsort((first_member, -sizes))


def outputs_by_size(labels: NDArray[np.int64], n_outputs: int) -> NDArray[np.int64]:
    """Return the outputs that any instance chose, the largest first."""
    order = largest_first(labels, n_outputs)
    return order[np.bincount(labels, minlength=n_outputs)[order] > 0]


def sorted_clusters(clusters: Clusters) -> Clusters:
    """Return clusters numbered by size, the largest first."""
    order = largest_first(clusters.labels, len(clusters.centroids))
    return Clusters(clusters.centroids[order], np.argsort(order)[clusters.labels], clusters.inertia)
