from __future__ import annotations

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.metrics import classification_scores

GOLD = ["NA", "NA", "NA", "author", "author", "spouse", "spouse", "spouse"]
PREDICTED = ["NA", "author", "NA", "author", "spouse", "spouse", "spouse", "NA"]


def test_micro_f1_does_not_reward_finding_no_relation() -> None:
    scores = classification_scores(PREDICTED, GOLD, na_label="NA")

    # right and positive: author, spouse, spouse = 3; predicted positive: 5; gold positive: 5
    assert scores.micro_precision == pytest.approx(3 / 5)
    assert scores.micro_recall == pytest.approx(3 / 5)
    assert scores.micro_f1 == pytest.approx(3 / 5)


def test_precision_and_recall_differ_where_a_relation_is_missed() -> None:
    scores = classification_scores(["NA", "author", "NA"], ["author", "author", "NA"], na_label="NA")

    assert (scores.micro_precision, scores.micro_recall) == (1.0, 0.5)
    assert scores.micro_f1 == pytest.approx(2 / 3)


def test_accuracy_counts_no_relation_like_any_label() -> None:
    # two of the three NA and three of the five others
    assert classification_scores(PREDICTED, GOLD, na_label="NA").accuracy == pytest.approx(5 / 8)


def test_macro_f1_is_the_mean_over_the_positive_classes() -> None:
    scores = classification_scores(PREDICTED, GOLD, na_label="NA")

    # author: 1 right of 2 predicted and 2 gold = 1/2; spouse: 2 right of 3 and 3 = 2/3
    assert scores.macro_f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (scores.n_classes, scores.n_instances) == (2, 8)


def test_a_class_that_is_only_predicted_lowers_macro_f1() -> None:
    scores = classification_scores(["a", "z"], ["a", "a"])

    # a: 1 right of 1 predicted and 2 gold = 2/3; z: 0
    assert scores.macro_f1 == pytest.approx(1 / 3)


def test_without_a_no_relation_class_micro_f1_is_accuracy() -> None:
    scores = classification_scores(PREDICTED, GOLD)

    assert scores.micro_f1 == pytest.approx(scores.accuracy)
    assert scores.n_classes == 3


def test_scores_equal_a_count_by_hand() -> None:
    random = np.random.default_rng(0)
    gold = random.integers(0, 12, 2000)
    predicted = np.where(random.random(2000) < 0.6, gold, random.integers(0, 15, 2000))

    scores = classification_scores(predicted, gold, na_label=0)

    right = predicted[predicted == gold]
    f1 = [2 * (right == one).sum() / ((predicted == one).sum() + (gold == one).sum()) for one in range(1, 15)]
    assert scores.micro_precision == pytest.approx((right > 0).sum() / (predicted > 0).sum())
    assert scores.micro_recall == pytest.approx((right > 0).sum() / (gold > 0).sum())
    assert scores.macro_f1 == pytest.approx(sum(f1) / 14)
    assert scores.accuracy == len(right) / 2000


def test_the_order_of_the_instances_changes_no_bit() -> None:
    forward = classification_scores(PREDICTED, GOLD, na_label="NA")

    assert classification_scores(PREDICTED[::-1], GOLD[::-1], na_label="NA") == forward


def test_nothing_but_no_relation_scores_zero_and_divides_by_nothing() -> None:
    scores = classification_scores(["NA", "NA"], ["NA", "NA"], na_label="NA")

    assert (scores.accuracy, scores.micro_f1, scores.macro_f1, scores.n_classes) == (1.0, 0.0, 0.0, 0)


def test_a_no_relation_label_that_does_not_occur_is_refused() -> None:
    with pytest.raises(InputError, match="na_label 'no_relation' is not among the"):
        classification_scores(PREDICTED, GOLD, na_label="no_relation")


def test_indices_against_names_are_refused() -> None:
    with pytest.raises(InputError, match="predicted labels are int but gold labels are str"):
        classification_scores([0, 1], ["author", "spouse"])


def test_wrong_predictions_of_the_same_kind_are_no_error() -> None:
    assert classification_scores(["a"], ["b"]).accuracy == 0.0


def test_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="1 predicted labels stand against 8 gold labels"):
        classification_scores(["NA"], GOLD)
