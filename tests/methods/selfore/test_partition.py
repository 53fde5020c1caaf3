from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from relscout.clustering.adaptive import AdaptiveClusters, Mapping, fully_connected
from relscout.clustering.kmeans import kmeans
from relscout.methods.selfore import Adaptive, Hard, relations_of_clusters, restored
from relscout.methods.vectors import exponent_for, of_relations, softened

#: Five places on a line, with 1, 4, 2, 3 and 2 vectors; the first three lie together, and so do the last two.
PLACES = np.array([[0.0, 0], [1, 0], [2, 0], [10, 0], [11, 0]], dtype=np.float32)
VECTORS = np.repeat(PLACES, [1, 4, 2, 3, 2], axis=0)


def hard(centroids: NDArray[np.float32] = PLACES, variance: float = 0.01) -> Hard:
    return Hard(centroids, np.array([variance]))


def adaptive(label_from: str = "target") -> Adaptive:
    mapping = Mapping(fully_connected([(torch.eye(2), torch.zeros(2))]), scale=1.0)
    nothing = np.empty(0, dtype=np.int64)
    frequencies = np.array([1.0, 4, 2, 3, 2])
    return Adaptive.of(
        AdaptiveClusters(mapping, PLACES, frequencies, 1.0, nothing, nothing, label_from=label_from)
    )


def test_relations_are_numbered_by_size() -> None:
    relation_of = relations_of_clusters(hard(), VECTORS, 5, seed=0)
    # sizes 1 4 2 3 2; of the two of size 2, the one whose vector comes first
    assert relation_of.tolist() == [4, 0, 2, 1, 3]


def test_clusters_that_lie_together_are_merged() -> None:
    relation_of = relations_of_clusters(hard(), VECTORS, 2, seed=0)
    assert relation_of.tolist() == [0, 0, 0, 1, 1]


def test_centroids_are_merged_whatever_the_sizes_of_their_clusters() -> None:
    places = np.array([[0.0, 0], [4, 0], [10, 0], [11, 0]], dtype=np.float32)
    vectors = np.repeat(places, [100, 100, 1, 1], axis=0)
    by = {
        merge: relations_of_clusters(hard(places), vectors, 2, seed=0, merge=merge).tolist()
        for merge in ("means", "centroids")
    }
    assert by == {"means": [1, 0, 0, 0], "centroids": [0, 0, 1, 1]}


def test_centroids_of_clusters_without_vectors_are_merged_too() -> None:
    places = np.array([[0.0, 0], [1, 0], [40, 0], [10, 0]], dtype=np.float32)
    vectors = np.repeat(places[[0, 1, 3]], [3, 2, 2], axis=0)
    # nothing lies at 40, which is a group of its own and then joins the nearest relation
    assert relations_of_clusters(hard(places), vectors, 2, seed=0, merge="centroids").tolist() == [0, 0, 0, 0]
    assert relations_of_clusters(hard(places), vectors, 2, seed=0).tolist() == [0, 0, 1, 1]


def test_no_relation_is_empty() -> None:
    # nothing lies at the first, at the third nor at the last place: they join the nearest one that has vectors
    vectors = VECTORS[np.isin(VECTORS[:, 0], [1, 10])]
    relation_of = relations_of_clusters(hard(), vectors, 5, seed=0)
    assert relation_of.tolist() == [0, 0, 0, 1, 1]


def test_one_relation_has_all() -> None:
    assert relations_of_clusters(hard(), VECTORS, 1, seed=0).tolist() == [0] * 5


@given(st.integers(0, 2**20), st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 20))
def test_whatever_the_clusters_relations_are_sorted_and_filled(
    seed: int, n_clusters: int, n_relations: int, variance: float
) -> None:
    random = np.random.default_rng(seed)
    centroids = random.normal(size=(n_clusters, 3)).astype(np.float32)
    vectors = random.normal(size=(30, 3)).astype(np.float32)
    partition = hard(centroids, variance)
    relation_of = relations_of_clusters(partition, vectors, min(n_relations, n_clusters), seed=0)
    assert relation_of.shape == (n_clusters,)
    labels = of_relations(partition.shares(vectors), relation_of).argmax(axis=1)
    sizes = np.bincount(labels, minlength=relation_of.max() + 1).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    assert len(sizes) <= min(n_relations, n_clusters)


def test_the_share_of_a_relation_is_the_highest_of_its_clusters() -> None:
    shares = np.array([[0.3, 0.4, 0.3], [0.5, 0.5, 0]], dtype=np.float32)
    np.testing.assert_array_equal(of_relations(shares, np.array([1, 0, 1])), shares[:, [1, 0]])


def test_worked_probabilities() -> None:
    # the tenth root of 1/1024 is 1/2
    found = softened(np.array([[1, 2**-10], [0.5, 0.5]], dtype=np.float32), 0.1)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [0.5, 0.5]], rtol=1e-6)


def test_the_exponent_brings_the_mean_confidence_to_what_is_asked_for() -> None:
    # at the tenth root, the highest probability is 2/3
    assert exponent_for(np.array([[1, 2**-10]], dtype=np.float32), 2 / 3) == pytest.approx(0.1, rel=1e-4)


def test_shares_that_are_unsure_already_are_left_as_they_are() -> None:
    shares = np.array([[0.6, 0.4], [0.5, 0.5]], dtype=np.float32)
    assert exponent_for(shares, 0.9) == 1
    np.testing.assert_allclose(softened(shares, 1), shares, rtol=1e-6)


def test_rounding_does_not_change_which_relation_is_likeliest() -> None:
    shares = np.array([[0.49999997, 0.5]], dtype=np.float32)
    assert softened(shares, 0.01).argmax() == 1


@given(
    arrays(np.float64, (6, 4), elements=st.sampled_from([1e-200, 1e-38, 1e-20, 1e-3, 0.2, 0.25, 0.3, 0.7]))
)
def test_probabilities_sum_to_one_and_the_highest_share_stays_the_highest(
    weights: NDArray[np.float64],
) -> None:
    shares = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    before = shares.copy()
    found = softened(shares, 0.1)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found.argmax(axis=1), before.argmax(axis=1))
    np.testing.assert_array_equal(shares, before)


@pytest.mark.parametrize(
    "partition", [hard(), adaptive(), adaptive("assignment")], ids=["hard", "adaptive", "assignment"]
)
def test_a_partition_comes_back_from_its_arrays(partition: Any) -> None:
    arrays_of = {name: np.array(array) for name, array in partition.arrays().items()}
    again = restored(arrays_of, alpha=1.0)
    assert type(again) is type(partition)
    assert again.shares(VECTORS).tobytes() == partition.shares(VECTORS).tobytes()


def test_shares_are_read_from_the_target_or_from_the_assignment() -> None:
    between = np.array([[0.5, 0]], dtype=np.float32)
    q = adaptive("assignment").shares(between)[0]
    p = adaptive("target").shares(between)[0]
    assert q[0] == pytest.approx(q[1])
    # q is the same for both, and f is 1 and 4
    assert p[0] == pytest.approx(4 * p[1])


def test_k_means_gives_a_partition_with_its_own_labels() -> None:
    clusters = kmeans(VECTORS, 5, seed=0)
    partition = Hard.of(clusters, VECTORS, seed=0)
    shares = partition.shares(VECTORS)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(shares.argmax(axis=1), clusters.labels)


def test_merging_weighs_centroids_by_how_often_they_are_chosen() -> None:
    # two crowds, and four centroids far out that one vector chooses or none
    crowded = np.array([[0, 0], [1, 0], [50, 50], [51, 52], [-90, 9], [9, -90]], dtype=np.float32)
    vectors = np.concatenate([np.repeat(crowded[:2], 20, axis=0), crowded[2:4]])
    relation_of = relations_of_clusters(hard(crowded), vectors, 3, seed=0)
    assert relation_of[:2].tolist() == [0, 1]
    assert relation_of[2] == relation_of[3] == 2


def test_merging_goes_by_what_was_clustered_and_not_by_codes_that_were_adapted_to_more_clusters() -> None:
    # the mapping has torn apart what is alike: codes say 0 1 | 2 3, representations say 0 2 | 1 3
    vectors = np.array([[0.0, 0], [9, 0], [0.1, 0], [9.1, 0]], dtype=np.float32).repeat(4, axis=0)

    class Torn:
        centroids = np.array([[0], [1], [50], [51]], dtype=np.float32)

        def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
            nearest = np.abs(vectors[:, :1] - np.array([0.0, 9, 0.1, 9.1])).argmin(axis=1)
            found: NDArray[np.float32] = np.eye(4, dtype=np.float32)[nearest]
            return found

        def arrays(self) -> dict[str, NDArray[Any]]:
            return {}

    relation_of = relations_of_clusters(Torn(), vectors, 2, seed=0).tolist()
    assert relation_of[0] == relation_of[2] != relation_of[1] == relation_of[3]
