from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from relscout.clustering.neighbours import nearest_neighbours, nearest_others


@given(st.integers(2, 40), st.integers(1, 39), st.integers(0, 99))
def test_they_are_those_of_the_highest_products(n: int, count: int, seed: int) -> None:
    count = min(count, n - 1)
    vectors = np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)
    found = nearest_neighbours(vectors, count)
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    expected = np.sort(np.argsort(-products, axis=1)[:, :count], axis=1)
    assert found.tolist() == expected.tolist()


def test_nothing_is_its_own_neighbour_though_others_be_equal() -> None:
    found = nearest_neighbours(np.ones((6, 3), dtype=np.float32), 3)
    assert found.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2], [0, 1, 2]]


def test_the_size_of_a_chunk_changes_nothing() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    whole = nearest_neighbours(vectors, 7)
    assert nearest_neighbours(vectors, 7, most_products=13 * 50).tolist() == whole.tolist()


def unit(n: int, seed: int) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def test_others_are_those_of_the_highest_cosines_and_never_the_same_vector() -> None:
    vectors, among = unit(30, 0), np.concatenate([unit(20, 1), unit(30, 0)])
    found = nearest_others(vectors, among, 4)
    products = vectors @ among.T
    products[np.arange(30), 20 + np.arange(30)] = -np.inf
    expected = np.sort(np.argsort(-products, axis=1)[:, :4], axis=1)
    assert found.tolist() == expected.tolist()
    assert nearest_others(vectors, among, 4, most_products=7 * 50).tolist() == found.tolist()
