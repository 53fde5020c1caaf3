from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from relscout.clustering.choose_k import choose_k
from relscout.clustering.kmeans import kmeans
from relscout.core.errors import InputError


def about(n_blobs: int) -> range:
    """The criterion is lenient by a step or two, on purpose: relations are less separate than blobs."""
    return range(n_blobs, round(1.4 * n_blobs) + 1)


@pytest.mark.parametrize("n_blobs", [3, 5, 9, 16])
def test_separate_blobs_are_never_joined_and_hardly_split(blobs: Any, n_blobs: int) -> None:
    vectors, _ = blobs(n_blobs, 60, dimensions=24)
    assert choose_k(vectors, seed=0).k in about(n_blobs)


def test_the_modularity_peaks_at_the_number_of_separate_blobs(blobs: Any) -> None:
    found = choose_k(blobs(6, 60, dimensions=24)[0], seed=0)
    assert found.candidates[int(np.argmax(found.modularity))] == 6


def test_blobs_of_unequal_size_count_alike(blobs: Any) -> None:
    vectors, gold = blobs(5, 120, dimensions=24)
    kept = np.concatenate([np.flatnonzero(gold == blob)[: 120 - 20 * blob] for blob in range(5)])
    assert choose_k(vectors[kept], seed=0).k in about(5)


def test_the_curve_is_returned_with_what_decided(blobs: Any) -> None:
    found = choose_k(blobs(5, 60)[0], seed=0)
    assert len(found.candidates) == len(found.modularity) == len(found.smoothed)
    assert list(found.candidates) == sorted(set(found.candidates))
    assert all(-0.5 <= value <= 1 for value in found.modularity)
    at = found.candidates.index(found.k)
    assert found.smoothed[at] >= found.threshold
    assert found.smoothed[at + 1] < found.threshold
    assert found.smoothed[1] == pytest.approx(np.mean(found.modularity[:3]))


def test_the_curve_can_be_written_as_json(blobs: Any) -> None:
    found = choose_k(blobs(3, 30)[0], seed=0)
    record = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (record["k"], tuple(record["candidates"])) == (found.k, found.candidates)


def test_the_same_seed_gives_the_same_curve(blobs: Any) -> None:
    vectors, _ = blobs(4, 50, noise=0.3)
    assert choose_k(vectors, seed=1) == choose_k(vectors, seed=1)


def test_a_sample_is_enough(blobs: Any) -> None:
    vectors, _ = blobs(5, 300, dimensions=24)
    assert choose_k(vectors, seed=0, sample_size=300).k in about(5)


def test_the_bounds_are_kept(blobs: Any) -> None:
    vectors, _ = blobs(6, 40)
    found = choose_k(vectors, seed=0, smallest=3, largest=4)
    assert found.candidates == (3, 4)
    assert choose_k(vectors, seed=0, largest=1).k == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 12, 21, 22, 40])
def test_few_vectors_give_a_number_that_can_be_clustered(blobs: Any, size: int) -> None:
    vectors, _ = blobs(1, size, noise=0.5)
    found = choose_k(vectors, seed=0)
    assert 1 <= found.k <= size
    assert len(kmeans(vectors, found.k, seed=0).centroids) == found.k


@pytest.mark.parametrize("seed", range(6))
def test_vectors_that_hardly_differ_give_a_number_that_can_be_clustered(blobs: Any, seed: int) -> None:
    few, _ = blobs(20, 1, dimensions=384, noise=0, seed=seed)
    random = np.random.default_rng(seed)
    vectors = np.repeat(few, 8, axis=0) + 10 ** random.uniform(-5.5, -4) * random.normal(size=(160, 384))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = choose_k(vectors, seed=0)
    assert len(kmeans(vectors, found.k, seed=0, n_init=2).centroids) == found.k


@pytest.mark.parametrize("size", [1, 2, 5, 40, 200])
def test_equal_vectors_are_one_cluster(size: int) -> None:
    vectors = np.full((size, 25), 0.2, dtype=np.float32)
    assert choose_k(vectors, seed=0).k == 1


def test_vectors_that_differ_by_rounding_are_one_cluster(blobs: Any) -> None:
    vectors, _ = blobs(1, 200, dimensions=384, noise=1e-8)
    assert len(np.unique(vectors, axis=0)) > 1
    assert choose_k(vectors, seed=0).k == 1


def test_there_are_never_more_clusters_than_different_vectors(blobs: Any) -> None:
    few, _ = blobs(7, 1, noise=0)
    found = choose_k(np.repeat(few, 40, axis=0), seed=0)
    assert max(found.candidates) <= 7
    assert found.k == 7


def test_values_that_are_no_numbers_are_refused(blobs: Any) -> None:
    vectors, _ = blobs(3, 30)
    vectors[5, 5] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        choose_k(vectors, seed=0)


def test_the_input_stays_as_it_was(blobs: Any) -> None:
    vectors, _ = blobs(3, 30)
    before = vectors.copy()
    choose_k(vectors, seed=0)
    np.testing.assert_array_equal(vectors, before)


def test_progress_tells_the_samples_that_are_done(blobs: Any) -> None:
    told: list[tuple[str, int, int | None]] = []
    choose_k(blobs(3, 30)[0], seed=0, progress=lambda *step: told.append(step))
    assert told == [("choose K", done, 3) for done in range(4)]


def test_a_curve_ends_where_it_has_clearly_fallen(blobs: Any) -> None:
    found = choose_k(blobs(4, 60)[0], seed=0)
    assert found.candidates[-1] < 60, "60 of 240 vectors would be the largest K that is tried"
    assert len(found.candidates) == len(found.modularity) == len(found.smoothed)
