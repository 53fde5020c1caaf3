from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.clustering.kmeans import nearest, soft_assignment, spread


def test_probabilities_are_those_of_round_gaussians() -> None:
    vectors = np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    centroids = np.array([[0.0, 0.0], [2.0, 0.0]], dtype=np.float32)
    # squared distances 0 and 4 with variance 2: e⁰ to e⁻¹; then 1 and 1
    near = 1 / (1 + math.exp(-1))
    expected = [[near, 1 - near], [0.5, 0.5]]
    np.testing.assert_allclose(soft_assignment(vectors, centroids, 2.0), expected, rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1e-12, 1e6))
def test_every_row_sums_to_one_and_is_highest_at_the_nearest_centroid(seed: int, variance: float) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(20, 5)).astype(np.float32)
    centroids = random.normal(size=(int(random.integers(1, 9)), 5)).astype(np.float32)
    found = soft_assignment(vectors, centroids, variance)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    labels, _ = nearest(vectors, centroids)
    np.testing.assert_allclose(found[np.arange(20), labels], found.max(axis=1), atol=1e-6)


def test_a_smaller_variance_is_surer() -> None:
    vectors = np.array([[0.2, 0.0]], dtype=np.float32)
    centroids = np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    unsure, sure = (soft_assignment(vectors, centroids, variance)[0, 0] for variance in (1.0, 0.1))
    assert 0.5 < unsure < sure


def test_the_input_stays_as_it_was(blobs: Any) -> None:
    vectors, _ = blobs(3, 10)
    before = vectors.copy()
    soft_assignment(vectors, vectors[:2], 0.1)
    spread(vectors, 0.1)
    np.testing.assert_array_equal(vectors, before)


def test_the_inertia_is_shared_among_effective_dimensions_only() -> None:
    # two directions with the same variance, three with none: (λ + λ)² / (λ² + λ²) = 2 effective dimensions
    square = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float32)
    padded = np.concatenate([square, np.zeros((4, 3), dtype=np.float32)], axis=1)
    line = np.array([[1.0], [-1.0]], dtype=np.float32)  # one direction
    assert spread(line, 0.6) / spread(square, 0.6) == pytest.approx(2)
    assert spread(padded, 0.6) == pytest.approx(spread(square, 0.6))


def test_unequal_variances_count_by_their_participation() -> None:
    # variances 9 and 1: (9 + 1)² / (81 + 1) effective dimensions
    unequal = np.array([[3, 1], [3, -1], [-3, 1], [-3, -1]], dtype=np.float32)
    line = np.array([[1.0], [-1.0]], dtype=np.float32)
    assert spread(line, 1.0) / spread(unequal, 1.0) == pytest.approx(100 / 82)


def test_the_spread_does_not_depend_on_which_side_is_longer(blobs: Any) -> None:
    vectors, _ = blobs(2, 4, dimensions=30, noise=0.4)
    repeated = np.concatenate([vectors] * 10)  # as spread out, but with more vectors than dimensions
    assert spread(repeated, 0.3) == pytest.approx(spread(vectors, 0.3), rel=1e-4)


@pytest.mark.parametrize("size", [1, 5])
def test_equal_vectors_have_a_spread_above_zero(size: int) -> None:
    assert spread(np.ones((size, 3), dtype=np.float32), 0.0) > 0
