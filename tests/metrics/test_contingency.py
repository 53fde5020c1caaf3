from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from relscout.metrics.clustering import Contingency, paired, tabulate


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_cells_count_the_instances_of_each_pair(pairs: list[tuple[int, int]]) -> None:
    found, gold = paired([pair[0] for pair in pairs], [pair[1] for pair in pairs], roles=("found", "gold"))

    table = tabulate(found, gold)

    cells = zip(table.found.tolist(), table.gold.tolist(), table.count.tolist(), strict=True)
    counted = {(found.names[row], gold.names[column]): count for row, column, count in cells}
    assert counted == {pair: pairs.count(pair) for pair in pairs}
    assert table.n_instances == len(pairs)


def test_a_million_singletons_take_a_cell_each_and_no_matrix() -> None:
    n = 1_000_000
    table = tabulate(*paired(np.arange(n), np.arange(n), roles=("found", "gold")))

    assert len(table.count) == n


def test_empty_cells_are_dropped_and_their_clusters_keep_their_index() -> None:
    table = Contingency.from_cells(
        np.array([0, 1, 2]), np.array([0, 0, 1]), np.array([3, 0, 2]), shape=(3, 2)
    )

    assert table.count.tolist() == [3, 2]
    assert table.found_sizes.tolist() == [3, 0, 2]
    assert table.gold_sizes.tolist() == [3, 2]
