"""Vectors that are not in this process are clustered as those that are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.clustering.choose_k import choose_k
from relscout.clustering.kmeans import DistantVectors, kmeans, means, nearest, started_kmeans
from relscout.core.errors import InputError
from relscout.distributed.vectors import sums_of


class Halves(DistantVectors):
    """Two arrays; counts the rows that are fetched."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        middle = len(vectors) // 2
        self.parts = vectors[:middle], vectors[middle:]
        self.fetched = 0

    @property
    def shape(self) -> tuple[int, int]:
        return sum(map(len, self.parts)), self.parts[0].shape[1]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        self.fetched += np.size(rows)
        return np.concatenate(self.parts)[rows]

    def nearest(self, centroids: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        labels, distances = zip(*(nearest(part, centroids) for part in self.parts), strict=True)
        return np.concatenate(labels), np.concatenate(distances)

    def means(self, labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.float32]:
        return means(np.concatenate(self.parts), labels, n_clusters)

    def is_finite(self) -> bool:
        return all(bool(np.isfinite(part).all()) for part in self.parts)


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 16))
    points = centres[random.integers(6, size=3000)] + random.normal(scale=0.4, size=(3000, 16))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("sample_size", [1000, 5000])
def test_clusters_are_those_of_an_array(vectors, sample_size):
    here = kmeans(vectors, 6, seed=0, n_init=2, sample_size=sample_size)
    there = kmeans(Halves(vectors), 6, seed=0, n_init=2, sample_size=sample_size)
    assert (there.labels == here.labels).all()
    assert np.allclose(there.centroids, here.centroids, atol=1e-6)


def test_starts_are_drawn_from_a_sample(vectors):
    distant = Halves(np.tile(vectors, (3, 1)))
    started_kmeans(distant, 6, start="k-means++", seed=0, n_init=1)
    assert distant.fetched <= len(vectors) * 3
    distant.fetched = 0
    assert choose_k(distant, seed=0, largest=12, sample_size=300).k >= 2
    assert distant.fetched == 3 * 300


def test_an_empty_cluster_is_filled(vectors):
    starts = np.vstack([vectors[:2], [np.full(16, 9.0)]]).astype(np.float32)
    here = kmeans(vectors, 3, seed=0, starts=starts)
    there = kmeans(Halves(vectors), 3, seed=0, starts=starts)
    assert (there.labels == here.labels).all()
    assert len(np.unique(there.labels)) == 3


def test_values_must_be_finite(vectors):
    broken = vectors.copy()
    broken[7, 3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        kmeans(Halves(broken), 2, seed=0)


def test_sums_do_not_depend_on_order_or_shards(vectors):
    labels = np.arange(len(vectors)) % 7
    whole = sums_of(vectors, labels, 7)
    order = np.random.default_rng(1).permutation(len(vectors))
    parts = [sums_of(vectors[rows], labels[rows], 7) for rows in np.array_split(order, 11)]
    assert (sum(parts) == whole).all()
    counts = np.bincount(labels)[:, None]
    assert np.allclose(whole / 2**36 / counts, means(vectors, labels, 7), atol=1e-7)
