from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from relscout.core.errors import InputError
from relscout.metrics import align
from relscout.metrics.clustering import matched_cells, matched_share, paired, tabulate


def test_clusters_are_mapped_to_the_classes_they_share_most_with() -> None:
    alignment = align([0, 0, 0, 1, 1], ["b", "b", "a", "a", "a"])

    assert alignment.mapping == {0: "b", 1: "a"}
    assert alignment.accuracy == pytest.approx(4 / 5)


def test_the_whole_match_counts_and_not_the_greedy_first_choice() -> None:
    # cluster 0 likes a best (3), but giving it b (2) lets cluster 1 have a (3): 5 beats 3 + 0
    alignment = align([0] * 5 + [1] * 3, ["a"] * 3 + ["b"] * 2 + ["a"] * 3)

    assert alignment.mapping == {0: "b", 1: "a"}
    assert alignment.accuracy == pytest.approx(5 / 8)


def test_labels_need_not_be_contiguous() -> None:
    alignment = align([1000, 1000, -1, 7], [52, 52, 90_000, -3])

    assert alignment.mapping == {1000: 52, -1: 90_000, 7: -3}
    assert alignment.accuracy == 1.0


def test_clusters_beyond_the_classes_stay_unmapped() -> None:
    alignment = align(["x", "x", "y", "z", "z", "z"], ["a", "a", "a", "b", "b", "b"])

    assert alignment.mapping == {"x": "a", "z": "b"}
    assert alignment.accuracy == pytest.approx(5 / 6)


def test_classes_beyond_the_clusters_stay_unmatched() -> None:
    alignment = align([0, 0, 0], ["a", "a", "b"])

    assert alignment.mapping == {0: "a"}
    assert alignment.accuracy == pytest.approx(2 / 3)


def test_a_cluster_is_not_mapped_to_a_class_it_shares_nothing_with() -> None:
    # two clusters and two classes, but cluster 1 lies in a, which cluster 0 has more of
    alignment = align([0, 0, 0, 1], ["a", "a", "a", "a"])

    assert alignment.mapping == {0: "a"}


def test_a_tie_is_broken_by_the_labels_and_not_by_the_order_of_the_instances() -> None:
    found, gold = ["x", "x", "y", "y"], ["a", "b", "a", "b"]

    assert align(found, gold) == align(found[::-1], gold[::-1])


small_clusterings = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30)


@given(small_clusterings, st.sampled_from([0, 1000]))
def test_both_solvers_find_the_best_of_all_matches(pairs: list[tuple[int, int]], dense_cells: int) -> None:
    table = tabulate(
        *paired([pair[0] for pair in pairs], [pair[1] for pair in pairs], roles=("found", "gold"))
    )
    overlap = np.zeros((5, 5), dtype=int)
    for found, gold in pairs:
        overlap[found, gold] += 1
    best = max(
        sum(overlap[row, column] for row, column in enumerate(order)) for order in permutations(range(5))
    )

    cells = matched_cells(table, dense_cells=dense_cells)

    assert matched_share(table, cells) == best / len(pairs)
    assert len(set(table.found[cells].tolist())) == len(set(table.gold[cells].tolist())) == len(cells)


def test_many_clusters_against_many_classes_are_matched_as_well_as_by_the_dense_solver() -> None:
    random = np.random.default_rng(0)
    found, gold = random.integers(0, 4000, 9000), random.integers(0, 1200, 9000)
    overlap = np.zeros((1200, 4000))
    np.add.at(overlap, (gold, found), 1)

    alignment = align(found, gold)

    assert alignment.accuracy == overlap[linear_sum_assignment(overlap, maximize=True)].sum() / 9000
    assert len(set(alignment.mapping.values())) == len(alignment.mapping)


def test_singletons_without_number_need_no_matrix_of_clusters_by_classes() -> None:
    n = 200_000  # a dense matrix would take 150 GiB

    alignment = align(np.arange(n), np.arange(n) // 2)

    assert alignment.accuracy == 0.5


def test_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="1 found labels stand against 2 gold labels"):
        align([0], ["a", "b"])
