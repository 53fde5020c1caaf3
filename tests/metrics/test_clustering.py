from __future__ import annotations

import json
from math import log

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from relscout.core.errors import InputError
from relscout.metrics import score

# The example of Bagga and Baldwin: twelve mentions in three classes of 5, 2 and 5.
GOLD = ["a"] * 5 + ["b"] * 2 + ["c"] * 5
B_JOINED_TO_C = [0] * 5 + [1] * 7
A_JOINED_TO_C = [0] * 5 + [1] * 2 + [0] * 5


def test_b_cubed_is_that_of_the_paper_where_a_small_class_is_swallowed() -> None:
    scores = score(B_JOINED_TO_C, GOLD)

    # precision: 5 · 5/5 + 2 · 2/7 + 5 · 5/7 = 64/7 over 12
    assert scores.b3_precision == pytest.approx(16 / 21)
    assert scores.b3_recall == 1.0
    # 2 · 16/21 / (16/21 + 1)
    assert scores.b3_f1 == pytest.approx(32 / 37)


def test_b_cubed_is_that_of_the_paper_where_two_large_classes_are_joined() -> None:
    # 10 instances see half of their cluster share their label, 2 see all of it
    assert score(A_JOINED_TO_C, GOLD).b3_precision == pytest.approx(7 / 12)


def test_v_measure_follows_from_the_entropies() -> None:
    scores = score(B_JOINED_TO_C, GOLD)

    class_entropy = -(10 / 12 * log(5 / 12) + 2 / 12 * log(2 / 12))
    # only the cluster of 7 leaves a doubt about the class: 2 against 5
    remaining = -(2 / 12 * log(2 / 7) + 5 / 12 * log(5 / 7))
    homogeneity = 1 - remaining / class_entropy
    assert scores.homogeneity == pytest.approx(homogeneity)
    assert scores.completeness == 1.0
    assert scores.v_measure == pytest.approx(2 * homogeneity / (homogeneity + 1))


def test_ari_follows_from_the_pairs() -> None:
    # 66 pairs; 31 share a cluster, 21 a class, 21 both: expected 31 · 21 / 66, at most (31 + 21) / 2
    expected = 31 * 21 / 66
    assert score(B_JOINED_TO_C, GOLD).ari == pytest.approx((21 - expected) / (26 - expected))


def test_accuracy_matches_each_cluster_with_one_class_only() -> None:
    # cluster 0 is a, cluster 1 is c; the two instances of b are lost
    assert score(B_JOINED_TO_C, GOLD).accuracy == pytest.approx(10 / 12)


def test_counts_and_protocol_stand_beside_the_figures() -> None:
    scores = score(B_JOINED_TO_C, GOLD)

    assert (scores.n_instances, scores.n_found, scores.n_gold) == (12, 2, 3)
    assert scores.protocol == "raw clusters"


def test_scores_can_be_written_as_json() -> None:
    scores = score(B_JOINED_TO_C, GOLD)

    read_back = json.loads(json.dumps(scores.as_dict()))
    assert read_back == scores.as_dict()
    assert read_back["b3_recall"] == 1.0


@pytest.mark.parametrize(
    ("n_found", "n_gold", "n_instances"), [(10, 10, 3000), (10, 41, 3000), (300, 7, 2000), (2000, 3, 2000)]
)
def test_scores_equal_those_of_scikit_learn(n_found: int, n_gold: int, n_instances: int) -> None:
    random = np.random.default_rng(0)
    gold = random.integers(0, n_gold, n_instances)
    found = np.where(
        random.random(n_instances) < 0.5, gold % n_found, random.integers(0, n_found, n_instances)
    )

    scores = score(found, gold)

    expected = (
        *sklearn_metrics.homogeneity_completeness_v_measure(gold, found),
        sklearn_metrics.adjusted_rand_score(gold, found),
        sklearn_metrics.normalized_mutual_info_score(gold, found),
    )
    got = (scores.homogeneity, scores.completeness, scores.v_measure, scores.ari, scores.nmi)
    assert got == pytest.approx(expected, abs=1e-12, rel=0)


def test_minus_one_is_a_cluster_like_any_other() -> None:
    assert score([-1, -1, 0, 0], GOLD[3:7]) == score([5, 5, 0, 0], GOLD[3:7])


def test_independent_labels_share_no_information() -> None:
    scores = score([0, 0, 1, 1], [0, 1, 0, 1])

    assert (scores.homogeneity, scores.completeness, scores.v_measure) == (0.0, 0.0, 0.0)
    # 6 pairs, none together in both, 2 in each: expected 2 · 2 / 6, at most 2
    assert scores.ari == pytest.approx(-0.5)


def test_a_single_instance_is_clustered_perfectly() -> None:
    scores = score(["x"], ["y"])

    assert (scores.b3_f1, scores.v_measure, scores.ari, scores.accuracy) == (1.0, 1.0, 1.0, 1.0)


def test_a_rare_class_keeps_its_precision_among_many_instances() -> None:
    # sums of positive and negative terms would leave only about 9 digits of homogeneity here
    n = 1_000_000
    gold = np.zeros(n, dtype=int)
    gold[0] = 1
    found = np.zeros(n, dtype=int)
    found[:2] = 1

    remaining = 2 * log(2)
    entropy = log(n) + (n - 1) * np.log1p(1 / (n - 1))
    assert score(found, gold).homogeneity == pytest.approx(1 - remaining / entropy, rel=1e-14, abs=0)


def test_different_lengths_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"2 found labels stand against 12 gold labels"):
        score([0, 1], GOLD)


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(InputError, match="at least one instance"):
        score([], [])
