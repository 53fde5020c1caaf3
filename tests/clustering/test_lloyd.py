from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relscout.clustering.kmeans import means, nearest


def test_the_nearest_centroid_and_its_distance_are_those_of_the_definition(blobs: Any) -> None:
    vectors, _ = blobs(5, 20, noise=0.5)
    centroids = vectors[:7] * 0.9
    squared = ((vectors[:, None, :].astype(float) - centroids[None]) ** 2).sum(axis=2)  # (N, K)
    labels, distances = nearest(vectors, centroids, chunk_size=13)
    np.testing.assert_array_equal(labels, squared.argmin(axis=1))
    np.testing.assert_allclose(distances, squared.min(axis=1), atol=1e-6)


def test_between_equal_centroids_the_first_is_nearest() -> None:
    centroids = np.array([[9, 9], [1, 0], [1, 0]], dtype=np.float32)
    assert nearest(np.array([[1, 0.5]], dtype=np.float32), centroids)[0].tolist() == [1]


def test_a_distance_is_never_negative(blobs: Any) -> None:
    vectors, _ = blobs(3, 30, dimensions=384)
    assert (nearest(vectors, vectors)[1] >= 0).all()


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_means_are_those_of_the_members(chunk_size: int) -> None:
    vectors = np.array([[1, 2], [3, 4], [10, 20]], dtype=np.float32)
    found = means(vectors, np.array([0, 0, 2]), 4, chunk_size=chunk_size)
    assert found.tolist() == [[2, 3], [0, 0], [10, 20], [0, 0]]
    assert found.dtype == np.float32
