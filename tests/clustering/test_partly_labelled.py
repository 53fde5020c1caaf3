from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.clustering.partly_labelled import partly_labelled_kmeans
from relscout.errors import InputError

PLACES = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], dtype=np.float32)


def blobs(places: NDArray[np.float32], size: int, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return np.concatenate([place + random.normal(size=(size, 2)) for place in places]).astype(np.float32)


def test_instances_of_the_classes_and_others_are_told_apart() -> None:
    labelled, classes = blobs(PLACES[:2], 30, seed=1), np.repeat([0, 1], 30)
    found = partly_labelled_kmeans(blobs(PLACES, 100), labelled, classes, 2, seed=0)
    of_blob = found.labels.reshape(4, 100)
    assert (of_blob == of_blob[:, :1]).all()
    assert of_blob[:2, 0].tolist() == [0, 1]
    assert sorted(of_blob[2:, 0].tolist()) == [2, 3]
    order = [0, 1, *of_blob[2:, 0]]
    np.testing.assert_allclose(found.centroids[order], PLACES, atol=0.5)


def test_centroids_are_the_means_of_labelled_and_unlabelled_alike() -> None:
    vectors, labelled, classes = blobs(PLACES, 40), blobs(PLACES[:2], 20, seed=1), np.repeat([0, 1], 20)
    found = partly_labelled_kmeans(vectors, labelled, classes, 2, seed=0)
    everything, labels = np.concatenate([vectors, labelled]), np.concatenate([found.labels, classes])
    for cluster in range(4):
        np.testing.assert_allclose(
            found.centroids[cluster], everything[labels == cluster].mean(axis=0), rtol=1e-4
        )


def test_a_labelled_vector_stays_in_its_class_wherever_it_lies() -> None:
    # a class of two halves, with the other class between them: its mean stays between them, too
    labelled = np.array([[-10, 0], [10, 0], [0, 5], [0, 6]], dtype=np.float32)
    unlabelled = blobs(np.array([[0, -30]], dtype=np.float32), 20)
    found = partly_labelled_kmeans(unlabelled, labelled, np.array([0, 0, 1, 1]), 1, seed=0)
    np.testing.assert_allclose(found.centroids[:2], [[0, 0], [0, 5.5]])
    assert (found.labels == 2).all()


def test_where_nothing_is_strange_the_classes_keep_almost_all() -> None:
    labelled, classes = blobs(PLACES, 50, seed=1), np.repeat(np.arange(4), 50)
    found = partly_labelled_kmeans(blobs(PLACES, 50), labelled, classes, 1, seed=0)
    assert (found.labels < 4).mean() > 0.9


def test_a_strange_vector_that_is_repeated_counts_once_where_clusters_start() -> None:
    strange = np.tile(np.array([[50, 50]], dtype=np.float32), (30, 1))
    vectors = np.concatenate([blobs(PLACES, 10), strange])
    found = partly_labelled_kmeans(vectors, blobs(PLACES, 50, seed=1), np.repeat(np.arange(4), 50), 6, seed=0)
    assert len(found.centroids) == 10
    assert len(set(found.labels[-30:].tolist())) == 1
    assert found.labels[-1] >= 4


def test_it_is_repeatable() -> None:
    given = blobs(PLACES, 100), blobs(PLACES[:2], 30, seed=1), np.repeat([0, 1], 30)
    first, second = (partly_labelled_kmeans(*given, 2, seed=3) for _ in range(2))
    assert first.centroids.tobytes() == second.centroids.tobytes()


def test_more_clusters_than_vectors_are_refused() -> None:
    twice = np.concatenate([blobs(PLACES, 2)] * 2)
    with pytest.raises(InputError, match="cannot find 9 clusters in 16 vectors, of which 8 differ"):
        partly_labelled_kmeans(twice, blobs(PLACES, 2), np.repeat(np.arange(4), 2), 9, seed=0)
