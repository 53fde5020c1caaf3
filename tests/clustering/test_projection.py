from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relscout.clustering.neighbours import strongest_directions


@pytest.mark.parametrize(("each", "dimensions"), [(10, 60), (40, 25), (40, 200), (60, 80)])
def test_it_keeps_inner_products_as_well_as_the_singular_value_decomposition(
    blobs: Any, each: int, dimensions: int
) -> None:
    vectors, _ = blobs(3, each, dimensions=dimensions, noise=0.3)
    left, lengths, right = np.linalg.svd(vectors.astype(float), full_matrices=False)
    closest = (left[:, :8] * lengths[:8]) @ right[:8]  # the best of rank 8 (Eckart and Young 1936)
    found = strongest_directions(vectors, 8)
    assert (found.shape, found.dtype) == ((3 * each, 8), np.float32)
    np.testing.assert_allclose(found @ found.T, closest @ closest.T, atol=1e-5)


@pytest.mark.parametrize(("size", "dimensions", "width"), [(1, 5, 1), (3, 5, 3), (9, 5, 5)])
def test_there_are_no_more_directions_than_vectors_or_dimensions(
    size: int, dimensions: int, width: int
) -> None:
    vectors = np.random.default_rng(0).normal(size=(size, dimensions)).astype(np.float32)
    found = strongest_directions(vectors, 128)
    assert found.shape == (size, width)
    np.testing.assert_allclose(found @ found.T, vectors @ vectors.T, atol=1e-4)


def test_the_same_vectors_give_the_same_bytes(blobs: Any) -> None:
    vectors, _ = blobs(3, 20)
    assert strongest_directions(vectors, 4).tobytes() == strongest_directions(vectors, 4).tobytes()


@pytest.mark.parametrize("shape", [(90, 300), (300, 90)])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_vectors_may_have_fewer_directions_than_are_kept(shape: tuple[int, int], rank: int) -> None:
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(shape[0], rank)) @ random.normal(size=(rank, shape[1]))).astype(np.float32)
    projected = strongest_directions(vectors, 10)
    assert projected.shape == (shape[0], 10)
    np.testing.assert_allclose(projected @ projected.T, vectors @ vectors.T, atol=1e-3)
    assert projected.tobytes() == strongest_directions(vectors, 10).tobytes()
