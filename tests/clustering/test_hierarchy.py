from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from relscout.clustering.hierarchy import DISTANCES, LINKAGES, agglomerate, cut
from relscout.clustering.kmeans import nearest
from relscout.core.errors import InputError, UnknownNameError


def slow_cut(points: NDArray[Any], n_clusters: int, linkage: str) -> list[int]:
    """Merge by the definitions of the linkages, over all pairs of members."""
    clusters = [[place] for place in range(len(points))]

    def apart(one: list[int], other: list[int]) -> float:
        if linkage == "ward":
            difference = points[one].mean(axis=0) - points[other].mean(axis=0)
            return float(len(one) * len(other) / (len(one) + len(other)) * difference @ difference)
        distances = [float(np.linalg.norm(points[a] - points[b])) for a in one for b in other]
        return max(distances) if linkage == "complete" else float(np.mean(distances))

    while len(clusters) > n_clusters:
        one, other = min(
            combinations(range(len(clusters)), 2), key=lambda p: apart(clusters[p[0]], clusters[p[1]])
        )
        clusters[one] += clusters.pop(other)
    found = [0] * len(points)
    for number, members in enumerate(sorted(clusters, key=min)):
        for place in members:
            found[place] = number
    return found


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("n_clusters", [1, 2, 5, 9, 18])
def test_it_merges_by_the_definitions(linkage: str, n_clusters: int) -> None:
    points = np.random.default_rng(n_clusters).normal(size=(18, 3))
    found = cut(pdist(points), 18, n_clusters, linkage=linkage)
    assert found.tolist() == slow_cut(points, n_clusters, linkage)


def test_points_on_a_line_merge_as_worked_out_by_hand() -> None:
    # 0 and 1 first; then 4 is 3.5 from them on average, 4 at most, and 5 from 9
    distances = pdist(np.array([[0.0], [1], [4], [9]]))
    assert cut(distances, 4, 3, linkage="average").tolist() == [0, 0, 1, 2]
    assert cut(distances, 4, 2, linkage="average").tolist() == [0, 0, 0, 1]
    # 0, 1, 4, 6.5: on average 3.5 from them and 2.5 from 6.5, so that the two on the right come together
    assert cut(pdist(np.array([[0.0], [1], [4], [6.5]])), 4, 2, linkage="complete").tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("n_clusters", [1, 2, 3, 4, 5, 6])
def test_equal_distances_leave_as_many_clusters_as_were_asked_for(n_clusters: int) -> None:
    found = cut(np.ones(15), 6, n_clusters, linkage="average")
    assert sorted(set(found.tolist())) == list(range(n_clusters))


def test_clusters_are_numbered_by_their_first_points() -> None:
    found = cut(pdist(np.array([[9.0], [0], [9], [0], [5]])), 5, 3, linkage="complete")
    assert found.tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("linkage", LINKAGES)
def test_it_finds_what_scikit_learn_finds(blobs: Any, linkage: str) -> None:
    vectors, _ = blobs(8, 15, noise=0.35)
    expected = AgglomerativeClustering(8, linkage=linkage).fit_predict(vectors.astype(float))
    found = cut(pdist(vectors.astype(float)), len(vectors), 8, linkage=linkage)
    assert adjusted_rand_score(expected, found) == 1


@pytest.mark.parametrize(
    ("linkage", "distance"), [("ward", "euclidean"), *((x, "cosine") for x in LINKAGES[1:])]
)
@pytest.mark.parametrize("directions", [0, 6])
def test_separate_blobs_come_apart(blobs: Any, linkage: str, distance: str, directions: int) -> None:
    vectors, gold = blobs(6, 20)
    found = agglomerate(vectors, 6, linkage=linkage, distance=distance, directions=directions, seed=0)
    assert adjusted_rand_score(gold, found.labels) == 1


def test_the_cosine_distance_is_that_of_scipy(blobs: Any) -> None:
    vectors, _ = blobs(5, 12, noise=0.4)
    found = agglomerate(vectors, 5, linkage="average", distance="cosine", seed=0)
    labels = cut(pdist(vectors.astype(float), "cosine"), len(vectors), 5, linkage="average")
    expected = np.array([vectors[labels == cluster].mean(axis=0) for cluster in range(5)])
    np.testing.assert_allclose(found.centroids, expected, atol=1e-6)


def test_every_vector_is_in_the_cluster_with_the_nearest_mean(blobs: Any) -> None:
    vectors, _ = blobs(3, 40, noise=0.8)
    found = agglomerate(vectors, 7, linkage="average", seed=0)
    labels, distances = nearest(vectors, found.centroids)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.inertia == pytest.approx(float(distances.sum()), rel=1e-5)


def test_of_many_vectors_a_sample_is_clustered_and_the_others_follow(blobs: Any) -> None:
    vectors, gold = blobs(4, 100, noise=0.1)
    found = agglomerate(vectors, 4, max_vectors=60, seed=0)
    assert adjusted_rand_score(gold, found.labels) == 1
    whole = agglomerate(vectors, 4, seed=0)
    assert not np.allclose(np.sort(found.centroids, axis=0), np.sort(whole.centroids, axis=0), atol=1e-6)


def test_the_seed_draws_the_sample(blobs: Any) -> None:
    vectors, _ = blobs(4, 50, noise=0.5)
    one, same, other = (agglomerate(vectors, 4, max_vectors=40, seed=seed) for seed in (0, 0, 1))
    assert one.centroids.tobytes() == same.centroids.tobytes()
    assert one.centroids.tobytes() != other.centroids.tobytes()


def test_a_sample_holds_at_least_one_vector_for_each_cluster(blobs: Any) -> None:
    vectors, _ = blobs(10, 20, noise=0.3)
    found = agglomerate(vectors, 30, max_vectors=3, seed=0)
    assert set(found.labels.tolist()) == set(range(30))


def test_more_clusters_than_vectors_are_refused(blobs: Any) -> None:
    with pytest.raises(InputError, match="cannot make 7 clusters of 6 instances; ask for at most 6"):
        agglomerate(blobs(2, 3)[0], 7, seed=0)


def test_more_clusters_than_different_vectors_are_refused(blobs: Any) -> None:
    few, _ = blobs(3, 1, noise=0)
    with pytest.raises(InputError, match="fewer than 4 differ; instances are repeated"):
        agglomerate(np.repeat(few, 20, axis=0), 4, seed=0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(blobs: Any, wrong: float) -> None:
    vectors, _ = blobs(2, 10)
    vectors[13, 4] = wrong
    with pytest.raises(InputError, match="NaN or infinite"):
        agglomerate(vectors, 2, seed=0)


def test_a_vector_of_zeros_has_distances_too(blobs: Any) -> None:
    vectors, _ = blobs(2, 10)
    vectors[3] = 0
    found = agglomerate(vectors, 3, linkage="average", distance="cosine", seed=0)
    assert np.bincount(found.labels).min() == 1


def test_unknown_names_are_told_with_the_nearest(blobs: Any) -> None:
    vectors, _ = blobs(2, 4)
    with pytest.raises(UnknownNameError, match="unknown linkage 'wards': did you mean 'ward'"):
        agglomerate(vectors, 2, linkage="wards", seed=0)
    with pytest.raises(UnknownNameError, match="unknown distance 'cosin': did you mean 'cosine'"):
        agglomerate(vectors, 2, distance="cosin", seed=0)


@given(st.integers(0, 2**32 - 1))
def test_no_cluster_is_empty_unless_vectors_run_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, n_values, dimensions = random.integers(1, 40), random.integers(1, 6), random.integers(1, 4)
    vectors = random.integers(n_values, size=(size, dimensions)).astype(np.float32)
    n_clusters, linkage = int(random.integers(1, size + 1)), str(random.choice(LINKAGES))
    if n_clusters > len(np.unique(vectors, axis=0)):
        with pytest.raises(InputError, match="differ"):
            agglomerate(vectors, n_clusters, linkage=linkage, seed=0)
    else:
        found = agglomerate(vectors, n_clusters, linkage=linkage, distance=DISTANCES[0], seed=0)
        assert set(found.labels.tolist()) == set(range(n_clusters))


# -- clusters that stop by themselves, and small ones

#: Three groups at 0°, 40° and 90°: of five vectors, of three, and of one.
ANGLES = (0, 1, 2, 3, 4, 40, 41, 42, 90)


@pytest.fixture
def fan() -> NDArray[np.float32]:
    angles = np.radians(ANGLES)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def sizes(labels: NDArray[np.int64]) -> list[int]:
    return np.bincount(labels).tolist()


def average(vectors: NDArray[np.float32], n_clusters: int | None, **settings: Any) -> NDArray[np.int64]:
    return agglomerate(vectors, n_clusters, linkage="average", distance="cosine", seed=0, **settings).labels


@pytest.mark.parametrize(
    ("apart", "expected"),
    # 1 − cos: within a group below .003, from 0° to 40° .22, from both to 90° .8
    [(0.05, [5, 3, 1]), (0.3, [8, 1]), (2.0, [9]), (1e-9, [1] * 9)],
)
def test_merging_stops_at_a_distance(fan: Any, apart: float, expected: list[int]) -> None:
    found = average(fan, None, apart=apart)
    assert sizes(found) == expected
    assert found.tolist() == sorted(found.tolist())


def test_a_small_cluster_is_dissolved_and_its_vectors_go_to_the_nearest(fan: Any) -> None:
    found = average(fan, None, apart=0.05, smallest=2)
    assert found.tolist() == [0] * 5 + [1] * 4
    assert average(fan, None, apart=0.05, smallest=4).tolist() == [0] * 9


def test_the_means_are_those_of_the_large_clusters_alone(fan: Any) -> None:
    found = agglomerate(
        fan, None, linkage="average", distance="cosine", apart=0.05, smallest=2, directions=0, seed=0
    )
    np.testing.assert_allclose(found.centroids, [fan[:5].mean(axis=0), fan[5:8].mean(axis=0)], atol=1e-6)


def test_where_no_cluster_is_large_enough_the_largest_stay(fan: Any) -> None:
    assert sizes(average(fan, None, apart=0.05, smallest=100)) == [9]
    pairs = fan[[0, 1, 5, 6]]
    assert sizes(average(pairs, None, apart=0.05, smallest=100)) == [2, 2]


def test_a_given_number_counts_large_clusters_only(fan: Any) -> None:
    # of three clusters one is a single vector; two of two or more are wanted
    assert sizes(average(fan, 2)) == [8, 1]
    assert sizes(average(fan, 2, smallest=2)) == [5, 4]
    assert sizes(average(fan, 1, smallest=2)) == [9]


def test_more_large_clusters_than_there_are_give_as_many_as_there_can_be(fan: Any) -> None:
    found = average(fan, 9, smallest=1)
    assert sizes(found) == [1] * 9
    found = average(fan, 8, smallest=2)
    assert 2 <= len(sizes(found)) <= 4
    assert min(sizes(found)) >= 1


@pytest.mark.parametrize("linkage", LINKAGES)
def test_points_of_small_clusters_are_marked_in_a_cut(fan: Any, linkage: str) -> None:
    labels = cut(pdist(fan.astype(float)), len(fan), 2, linkage=linkage, smallest=2)
    assert labels[:8].tolist() == [0] * 5 + [1] * 3
    assert labels[8] in (-1, 1)  # alone, or joined to the nearer group


@given(st.integers(0, 2**32 - 1))
def test_none_of_the_large_clusters_is_left_empty(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, dimensions, smallest = (
        int(random.integers(2, 40)),
        int(random.integers(1, 4)),
        int(random.integers(5)),
    )
    vectors = random.normal(size=(size, dimensions)).astype(np.float32)
    apart = float(random.uniform(0, 3))
    found = agglomerate(vectors, None, linkage="average", apart=apart, smallest=smallest, seed=0)
    assert set(found.labels.tolist()) == set(range(len(found.centroids)))
    raw = cut(pdist(vectors), size, None, linkage="average", apart=apart, smallest=smallest)
    counts = np.bincount(raw[raw >= 0])
    assert len(counts) == len(found.centroids)
    assert counts.min() >= min(smallest, counts.max())
