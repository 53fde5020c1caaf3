from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.clustering.neighbours import communities


def joined(n_points: int, *edges: tuple[int, int]) -> NDArray[np.bool_]:
    return np.array([pair in edges for pair in combinations(range(n_points), 2)], dtype=bool)


def test_two_cliques_that_one_edge_joins_are_two_communities() -> None:
    edges = [*combinations(range(4), 2), *combinations(range(4, 8), 2), (3, 4)]
    assert communities(joined(8, *edges), 8, seed=0).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_communities_are_numbered_by_their_first_points() -> None:
    assert communities(joined(5, (0, 3), (1, 4)), 5, seed=0).tolist() == [0, 1, 2, 0, 1]


def test_points_that_are_joined_to_none_stay_alone() -> None:
    assert communities(joined(4), 4, seed=0).tolist() == [0, 1, 2, 3]


def test_all_points_that_are_joined_are_one_community() -> None:
    assert communities(np.ones(15, dtype=bool), 6, seed=0).tolist() == [0] * 6


@pytest.mark.parametrize("n_points", [1, 2])
def test_the_smallest_graphs_work(n_points: int) -> None:
    assert communities(joined(n_points), n_points, seed=0).tolist() == list(range(n_points))


def test_the_same_seed_gives_the_same_communities() -> None:
    random = np.random.default_rng(0)
    edges = random.random(60 * 59 // 2) < 0.1
    first, second = (communities(edges, 60, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_groups_that_hang_together_are_found_in_noise() -> None:
    gold = np.repeat(np.arange(4), 15)
    one, other = np.triu_indices(60, 1)
    chance = np.where(gold[one] == gold[other], 0.7, 0.03)
    found = communities(np.random.default_rng(1).random(len(one)) < chance, 60, seed=0)
    np.testing.assert_array_equal(found, gold)
