from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.clustering.propagation import preferences, propagated_exemplars


def bunches(n_bunches: int, size: int) -> NDArray[np.float32]:
    """Unit vectors around the axes."""
    random = np.random.default_rng(0)
    vectors = np.eye(n_bunches).repeat(size, axis=0) + 0.05 * random.standard_normal(
        (n_bunches * size, n_bunches)
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_preferences_rise_from_the_lowest_similarity_to_the_median() -> None:
    similarities = np.array([[1.0, 0.0, 0.4], [0.0, 1.0, 0.8], [0.4, 0.8, 1.0]])
    assert preferences(similarities, 3) == pytest.approx([0.0, 0.2, 0.4])
    assert preferences(similarities, 1) == pytest.approx([0.4])


def test_each_bunch_has_an_exemplar_at_the_coarsest_level() -> None:
    coarse, *_ = propagated_exemplars(bunches(4, 10), levels=3, most=100, seed=0)
    assert sorted(coarse // 10) == [0, 1, 2, 3]


def test_levels_get_finer() -> None:
    sizes = [len(rows) for rows in propagated_exemplars(bunches(4, 10), levels=3, most=100, seed=0)]
    assert sizes == sorted(sizes)


def test_of_many_vectors_a_sample_is_propagated() -> None:
    levels = propagated_exemplars(bunches(4, 30), levels=1, most=40, seed=0)
    assert all(len(rows) <= 40 for rows in levels)
    assert {int(row) // 30 for rows in levels for row in rows} == {0, 1, 2, 3}


@pytest.mark.parametrize("vectors", [np.ones((1, 2), np.float32), np.ones((6, 1), np.float32)])
def test_equal_vectors_have_no_exemplars(vectors: NDArray[np.float32]) -> None:
    assert propagated_exemplars(vectors, levels=2, most=10, seed=0) == []
