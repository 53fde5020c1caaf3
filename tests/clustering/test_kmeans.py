from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.metrics import adjusted_rand_score

from relscout.clustering.kmeans import kmeans, unit_length
from relscout.core.errors import InputError, SettingError


def slow_kmeans(
    vectors: NDArray[Any], centroids: NDArray[Any], iterations: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lloyd's algorithm by its definition, in float64."""
    vectors, centroids = vectors.astype(float), centroids.astype(float)
    for _ in range(iterations):
        labels = np.array([np.argmin([np.sum((x - c) ** 2) for c in centroids]) for x in vectors])
        centroids = np.array([vectors[labels == k].mean(axis=0) for k in range(len(centroids))])
    return centroids, np.array([np.argmin([np.sum((x - c) ** 2) for c in centroids]) for x in vectors])


def all_clusters_filled(labels: NDArray[np.int64], n_clusters: int) -> bool:
    return set(labels.tolist()) == set(range(n_clusters))


def test_it_takes_the_steps_of_the_definition(blobs: Any) -> None:
    vectors, _ = blobs(4, 15, noise=0.6)
    starts = vectors[:5]
    expected, labels = slow_kmeans(vectors, starts, iterations=3)
    found = kmeans(vectors, 5, seed=0, starts=starts, max_iterations=3, tolerance=-1)
    np.testing.assert_allclose(found.centroids, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.labels, labels)


def test_separate_blobs_come_apart(blobs: Any) -> None:
    vectors, gold = blobs(6, 30)
    assert adjusted_rand_score(gold, kmeans(vectors, 6, seed=0).labels) == 1


def test_its_inertia_is_that_of_scikit_learn(blobs: Any) -> None:
    vectors, _ = blobs(6, 30)
    expected = SklearnKMeans(6, n_init=10, random_state=0).fit(vectors).inertia_
    assert kmeans(vectors, 6, seed=0).inertia == pytest.approx(expected, rel=1e-4)


def test_the_same_seed_gives_the_same_bytes(blobs: Any) -> None:
    vectors, _ = blobs(5, 40, noise=0.8)
    first, second = (kmeans(vectors, 7, seed=3) for _ in range(2))
    assert first.centroids.tobytes() == second.centroids.tobytes()
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.inertia == second.inertia


def test_the_seed_draws_the_starts(blobs: Any) -> None:
    vectors, _ = blobs(1, 200, noise=1)
    one, other = (kmeans(vectors, 8, seed=seed, n_init=1) for seed in (0, 1))
    assert one.inertia != other.inertia


def test_a_private_memory_map_keeps_what_was_written_to_it(blobs: Any, tmp_path: Path) -> None:
    vectors, _ = blobs(4, 30)
    np.save(tmp_path / "vectors.npy", np.zeros_like(vectors))
    private = np.load(tmp_path / "vectors.npy", mmap_mode="c")
    private[:] = vectors
    found = kmeans(private, 4, seed=0)
    np.testing.assert_array_equal(private, vectors)
    assert found.centroids.tobytes() == kmeans(vectors, 4, seed=0).centroids.tobytes()


def test_a_memory_map_gives_the_same_bytes_as_an_array(blobs: Any, tmp_path: Path) -> None:
    vectors, _ = blobs(4, 50, noise=0.5)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = kmeans(np.load(tmp_path / "vectors.npy", mmap_mode="r"), 4, seed=0)
    assert mapped.centroids.tobytes() == kmeans(vectors, 4, seed=0).centroids.tobytes()


@pytest.mark.parametrize("chunk_size", [1, 7, 64, 1000])
def test_the_size_of_the_chunks_does_not_matter(blobs: Any, chunk_size: int) -> None:
    vectors, _ = blobs(4, 50, noise=0.3)
    whole, chunked = kmeans(vectors, 4, seed=0), kmeans(vectors, 4, seed=0, chunk_size=chunk_size)
    np.testing.assert_array_equal(whole.labels, chunked.labels)
    np.testing.assert_allclose(whole.centroids, chunked.centroids, atol=1e-6)


def test_seeds_drawn_from_a_sample_are_refined_on_all_vectors(blobs: Any) -> None:
    vectors, gold = blobs(4, 100, noise=0.1)
    found = kmeans(vectors, 4, seed=0, sample_size=60)
    assert adjusted_rand_score(gold, found.labels) == 1
    means = np.array([vectors[found.labels == k].mean(axis=0) for k in range(4)])
    np.testing.assert_allclose(found.centroids, means, atol=1e-6)


def test_a_sample_holds_at_least_one_vector_for_each_cluster(blobs: Any) -> None:
    vectors, _ = blobs(10, 20)
    assert all_clusters_filled(kmeans(vectors, 10, seed=0, n_init=1, sample_size=3).labels, 10)


def test_one_cluster_has_the_mean_as_its_centroid(blobs: Any) -> None:
    vectors, _ = blobs(3, 20)
    found = kmeans(vectors, 1, seed=0)
    np.testing.assert_allclose(found.centroids[0], vectors.mean(axis=0), atol=1e-6)
    assert not found.labels.any()


def test_as_many_clusters_as_vectors_leave_every_vector_alone(blobs: Any) -> None:
    vectors, _ = blobs(3, 5, noise=0.3)
    found = kmeans(vectors, 15, seed=0)
    assert all_clusters_filled(found.labels, 15)
    assert found.inertia == pytest.approx(0, abs=1e-5)


def test_a_single_vector_is_a_cluster() -> None:
    found = kmeans(np.ones((1, 3), dtype=np.float32), 1, seed=0)
    assert (found.labels.tolist(), found.centroids.tolist()) == ([0], [[1, 1, 1]])


def test_more_clusters_than_vectors_are_refused(blobs: Any) -> None:
    with pytest.raises(InputError, match="cannot make 7 clusters of 6 instances; ask for at most 6"):
        kmeans(blobs(2, 3)[0], 7, seed=0)


@pytest.mark.parametrize("n_different", [1, 3])
def test_more_clusters_than_different_vectors_are_refused(blobs: Any, n_different: int) -> None:
    few, _ = blobs(n_different, 1, dimensions=384, noise=0)
    with pytest.raises(InputError, match=f"fewer than {n_different + 1} differ; instances are repeated"):
        kmeans(np.repeat(few, 50, axis=0), n_different + 1, seed=0)


def test_as_many_clusters_as_different_vectors_are_found(blobs: Any) -> None:
    few, _ = blobs(3, 1, dimensions=384, noise=0)
    found = kmeans(np.repeat(few, 50, axis=0), 3, seed=0)
    assert np.bincount(found.labels).tolist() == [50, 50, 50]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(blobs: Any, wrong: float) -> None:
    vectors, _ = blobs(2, 10)
    vectors[13, 4] = wrong
    with pytest.raises(InputError, match="NaN or infinite"):
        kmeans(vectors, 2, seed=0, chunk_size=5)


@pytest.mark.parametrize("options", [{"n_clusters": 0}, {"n_clusters": 2, "n_init": 0}])
def test_counts_below_one_are_refused(blobs: Any, options: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="both must be at least 1"):
        kmeans(blobs(2, 10)[0], seed=0, **options)


def test_given_starts_are_where_it_starts(blobs: Any) -> None:
    vectors, gold = blobs(3, 20)
    starts = np.array([vectors[gold == blob].mean(axis=0) for blob in (2, 0, 1)])
    found = kmeans(vectors, 3, seed=0, starts=starts)
    np.testing.assert_array_equal(found.labels, np.array([1, 2, 0])[gold])


@pytest.mark.parametrize("shape", [(2, 16), (3, 8), (3,)])
def test_starts_of_another_shape_are_refused(blobs: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingError, match=r"the starts have shape .* expected \(3, 16\)"):
        kmeans(blobs(3, 20)[0], 3, seed=0, starts=np.zeros(shape, dtype=np.float32))


def test_starts_that_win_no_vector_move_to_far_ones(blobs: Any) -> None:
    vectors, gold = blobs(3, 20)
    far_away = 1e3 * np.eye(16, dtype=np.float32)[:2]
    starts = np.concatenate([vectors[:1], far_away])
    assert adjusted_rand_score(gold, kmeans(vectors, 3, seed=0, starts=starts).labels) == 1


def test_a_far_vector_that_repeats_fills_one_cluster_only(blobs: Any) -> None:
    vectors, _ = blobs(1, 50, noise=0.5)
    vectors = np.concatenate([vectors, np.full((5, 16), 9, dtype=np.float32)])
    starts = np.concatenate([vectors[:1], 1e3 * np.eye(16, dtype=np.float32)[:3]])
    found = kmeans(vectors, 4, seed=0, starts=starts)
    assert all_clusters_filled(found.labels, 4)
    assert len(set(found.labels[-5:].tolist())) == 1


@given(st.integers(0, 2**32 - 1))
def test_no_cluster_is_empty_unless_vectors_run_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, n_values, dimensions = random.integers(1, 40), random.integers(1, 6), random.integers(1, 4)
    vectors = random.integers(n_values, size=(size, dimensions)).astype(np.float32)
    n_clusters = int(random.integers(1, size + 1))
    if n_clusters > len(np.unique(vectors, axis=0)):
        with pytest.raises(InputError, match="differ"):
            kmeans(vectors, n_clusters, seed=0, n_init=2)
    else:
        assert all_clusters_filled(kmeans(vectors, n_clusters, seed=0, n_init=2).labels, n_clusters)


def test_progress_tells_the_starts_that_are_done(blobs: Any) -> None:
    told: list[tuple[str, int, int | None]] = []
    kmeans(blobs(2, 10)[0], 2, seed=0, n_init=2, progress=lambda *step: told.append(step))
    assert told == [("cluster", 0, 2), ("cluster", 1, 2), ("cluster", 2, 2)]


def test_a_sample_of_a_mapped_file_is_that_of_the_array(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    ours, theirs = (kmeans(given, 4, seed=0, n_init=1, sample_size=5000) for given in (mapped, vectors))
    assert ours.centroids.tobytes() == theirs.centroids.tobytes()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_are_scaled_in_place_and_zeros_stay_zeros(kind: type) -> None:
    vectors = np.array([[3, 4], [0, 0], [0, -2]], dtype=kind)
    assert unit_length(vectors) is vectors
    assert vectors.dtype == kind
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-6)
