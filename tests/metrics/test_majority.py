from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.metrics import majority_mapped, score


def test_mapping_to_the_majority_hides_that_a_relation_was_torn_apart() -> None:
    # a relation of 8 found as four clusters of 2, one of 2 found whole
    found = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    gold = ["a"] * 8 + ["b"] * 2

    raw, mapped = score(found, gold), majority_mapped(found, gold)

    # raw recall: 8 · 2/8 + 2 · 1 over 10
    assert (raw.b3_precision, raw.b3_recall) == (1.0, pytest.approx(0.4))
    assert raw.b3_f1 == pytest.approx(4 / 7)
    assert (mapped.b3_f1, mapped.v_measure, mapped.ari) == (1.0, 1.0, 1.0)


def test_even_singletons_become_perfect_by_majority_mapping() -> None:
    assert majority_mapped(range(6), list("aaabbc")).b3_f1 == 1.0


def test_the_result_says_that_it_is_of_this_protocol() -> None:
    assert majority_mapped([0, 1], ["a", "b"]).protocol == "majority mapped"


def test_mapped_scores_differ_from_raw_ones_even_where_the_figures_are_equal() -> None:
    assert majority_mapped([0, 1], ["a", "b"]) != score([0, 1], ["a", "b"])


def test_clusters_are_counted_after_they_were_merged() -> None:
    scores = majority_mapped([0, 1, 2, 2], ["a", "a", "b", "c"])

    assert (scores.n_found, scores.n_gold, scores.n_instances) == (2, 3, 4)


def test_accuracy_is_the_purity_of_the_clusters() -> None:
    # cluster 0: 2 of 3 are a; cluster 1: 1 of 1 is a; cluster 2: 2 of 2 are b
    scores = majority_mapped([0, 0, 0, 1, 2, 2], ["a", "a", "b", "a", "b", "b"])

    assert scores.accuracy == pytest.approx(5 / 6)


def test_a_tie_goes_to_the_relation_with_more_instances_in_all() -> None:
    # cluster 0 holds one a and one b; b is the larger relation, so all four become b
    scores = majority_mapped([0, 0, 1, 1], ["a", "b", "b", "b"])

    assert scores.n_found == 1
    assert scores.b3_recall == 1.0


def test_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="3 found labels stand against 1 gold labels"):
        majority_mapped([0, 1, 2], ["a"])
