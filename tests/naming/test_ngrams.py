from __future__ import annotations

from relscout.naming.phrases import supports

INSTANCES = [[(0, ["a", "b", "c"])], [(0, ["a", "b"])], [(1, ["a", "b"]), (0, ["c"])]]


def test_an_ngram_counts_once_per_instance() -> None:
    (counts,) = supports([[[(0, ["a", "b", "a", "b"])]]], [1], longest=2)
    assert counts[(0, "a", "b")] == 1


def test_places_are_counted_apart() -> None:
    (counts,) = supports([INSTANCES], [1], longest=2)
    assert (counts[(0, "a", "b")], counts[(1, "a", "b")]) == (2, 1)


def test_rare_ngrams_are_left_out() -> None:
    (counts,) = supports([INSTANCES], [2], longest=3)
    assert counts == {(0, "a"): 2, (0, "b"): 2, (0, "c"): 2, (0, "a", "b"): 2}


def test_an_ngram_that_is_frequent_in_one_cluster_is_counted_exactly_in_the_others() -> None:
    frequent, rare = supports([INSTANCES, INSTANCES[:1]], [2, 5], longest=2)
    assert frequent[(0, "a", "b")] == 2
    assert rare[(0, "a", "b")] == 1


def test_ngrams_do_not_reach_over_the_end_of_a_run() -> None:
    (counts,) = supports([[[(0, ["a"]), (0, ["b"])]]], [1], longest=2)
    assert (0, "a", "b") not in counts
