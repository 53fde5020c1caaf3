from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.metrics import open_world_accuracy

PREDEFINED = {"spouse", "child"}


def test_pre_defined_relations_are_right_by_name_and_novel_ones_by_the_best_match() -> None:
    gold = ["spouse", "spouse", "child", "orbits", "orbits", "orbits", "crosses", "crosses"]
    found = ["spouse", "child", "child", 7, 7, "spouse", 7, 3]
    scores = open_world_accuracy(found, gold, PREDEFINED)
    assert scores.predefined == pytest.approx(2 / 3)
    assert scores.novel == pytest.approx(3 / 5)  # 7 is "orbits" and 3 "crosses"
    assert scores.all == pytest.approx(5 / 8)
    assert (scores.n_predefined, scores.n_novel) == (3, 5)


def test_a_cluster_cannot_stand_for_a_pre_defined_relation_nor_a_name_for_a_novel_one() -> None:
    scores = open_world_accuracy([0, 0, "child"], ["spouse", "spouse", "orbits"], PREDEFINED)
    assert (scores.predefined, scores.novel, scores.all) == (0.0, 0.0, 0.0)


def test_none_counts_as_a_cluster_of_its_own() -> None:
    assert open_world_accuracy([-1, 4], ["orbits", "crosses"], PREDEFINED).novel == 1.0


def test_a_side_without_instances_has_no_accuracy() -> None:
    assert open_world_accuracy(["spouse"], ["spouse"], PREDEFINED).novel is None
    scores = open_world_accuracy([1], ["orbits"], PREDEFINED)
    assert (scores.predefined, scores.novel, scores.all) == (None, 1.0, 1.0)
    assert scores.as_dict()["n_novel"] == 1


def test_labels_that_do_not_pair_are_refused() -> None:
    with pytest.raises(InputError, match="2 found labels stand against 1 gold labels"):
        open_world_accuracy([1, 2], ["orbits"], PREDEFINED)
    with pytest.raises(InputError, match="at least one"):
        open_world_accuracy([], [], PREDEFINED)
    with pytest.raises(InputError, match="1 of 2 gold labels are None"):
        open_world_accuracy(["spouse", 1], [None, "orbits"], PREDEFINED)
    with pytest.raises(InputError, match="predefined is 'spouse', expected a collection"):
        open_world_accuracy([1], ["orbits"], "spouse")
