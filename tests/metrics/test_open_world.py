from __future__ import annotations

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.metrics import open_world_scores, score

PREDEFINED = {"spouse", "child"}
GOLD = ["spouse", "spouse", "child", "orbits", "orbits", "orbits", "crosses", "crosses"]
FOUND = ["spouse", "child", "child", 7, 7, "spouse", 7, 3]


def test_pre_defined_relations_are_right_by_name_and_novel_ones_by_the_best_match() -> None:
    scores = open_world_scores(FOUND, GOLD, PREDEFINED)
    assert scores.predefined_accuracy == pytest.approx(2 / 3)
    assert scores.novel_accuracy == pytest.approx(3 / 5)  # 7 is "orbits" and 3 "crosses"
    assert scores.accuracy == pytest.approx(5 / 8)
    assert (scores.n_predefined, scores.n_novel, scores.n_no_relation) == (3, 5, 0)


def test_a_novel_instance_under_a_pre_defined_name_costs_precision() -> None:
    scores = open_world_scores(FOUND, GOLD, PREDEFINED)
    # spouse: 1 right of 2 found and 2 gold; child: 1 right of 2 found and 1 gold
    assert scores.predefined_micro_f1 == pytest.approx(2 * 2 / (4 + 3))
    assert scores.predefined_macro_f1 == pytest.approx((2 / 4 + 2 / 3) / 2)


def test_novel_instances_are_scored_as_a_clustering_of_their_own_and_all_as_another() -> None:
    scores = open_world_scores(FOUND, GOLD, PREDEFINED)
    novel = score(FOUND[3:], GOLD[3:])
    assert scores.novel_b3_f1 == novel.b3_f1
    assert (scores.novel_v_measure, scores.novel_ari) == (novel.v_measure, novel.ari)
    everything = score(FOUND, GOLD)
    assert (scores.b3_f1, scores.v_measure, scores.ari) == (
        everything.b3_f1,
        everything.v_measure,
        everything.ari,
    )


def test_novelty_has_an_f1_by_the_labels_and_an_auroc_by_the_evidence() -> None:
    evidence = np.array([0.1, 0.2, 0.6, 0.9, 0.8, 0.3, 0.7, 0.5])
    scores = open_world_scores(FOUND, GOLD, PREDEFINED, novelty=evidence)
    assert scores.novelty_f1 == pytest.approx(2 * 4 / (4 + 5))
    # of 15 pairs of a known and a novel instance, 0.3 and 0.5 rank below 0.6
    assert scores.novelty_auroc == pytest.approx(13 / 15)
    assert open_world_scores(FOUND, GOLD, PREDEFINED).novelty_auroc is None
    with pytest.raises(InputError, match=r"novelty has the shape \(2,\) for 8 instances"):
        open_world_scores(FOUND, GOLD, PREDEFINED, novelty=[0.1, 0.2])


def test_unrelated_pairs_are_a_third_side() -> None:
    found = ["spouse", "none", 4, "none", 4]
    gold = ["spouse", "none", "orbits", "orbits", "none"]
    scores = open_world_scores(found, gold, PREDEFINED, no_relation="none")
    assert (scores.n_predefined, scores.n_novel, scores.n_no_relation) == (1, 2, 2)
    assert scores.no_relation_f1 == pytest.approx(2 * 1 / (2 + 2))
    assert scores.novel_accuracy == pytest.approx(1 / 2)
    assert scores.novelty_f1 == pytest.approx(2 * 1 / (1 + 2))
    assert scores.accuracy == pytest.approx(3 / 5)


def test_a_cluster_cannot_stand_for_a_pre_defined_relation_nor_a_name_for_a_novel_one() -> None:
    scores = open_world_scores([0, 0, "child"], ["spouse", "spouse", "orbits"], PREDEFINED)
    assert (scores.predefined_accuracy, scores.novel_accuracy, scores.accuracy) == (0.0, 0.0, 0.0)
    assert scores.predefined_micro_f1 == 0.0


def test_without_a_label_of_no_relation_its_number_is_a_cluster() -> None:
    assert open_world_scores([-1, 4], ["orbits", "crosses"], PREDEFINED).novel_accuracy == 1.0


def test_a_side_without_instances_has_no_scores() -> None:
    scores = open_world_scores(["spouse"], ["spouse"], PREDEFINED)
    assert (scores.novel_accuracy, scores.novel_ari, scores.novelty_f1) == (None, None, None)
    scores = open_world_scores([1], ["orbits"], PREDEFINED)
    assert (scores.predefined_accuracy, scores.predefined_micro_f1) == (None, None)
    assert (scores.novel_accuracy, scores.accuracy, scores.no_relation_f1) == (1.0, 1.0, None)
    assert scores.as_dict()["n_novel"] == 1


def test_labels_that_do_not_pair_are_refused() -> None:
    with pytest.raises(InputError, match="2 found labels stand against 1 gold labels"):
        open_world_scores([1, 2], ["orbits"], PREDEFINED)
    with pytest.raises(InputError, match="at least one"):
        open_world_scores([], [], PREDEFINED)
    with pytest.raises(InputError, match="1 of 2 gold labels are None"):
        open_world_scores(["spouse", 1], [None, "orbits"], PREDEFINED)
    with pytest.raises(InputError, match="predefined is 'spouse', expected a collection"):
        open_world_scores([1], ["orbits"], "spouse")
