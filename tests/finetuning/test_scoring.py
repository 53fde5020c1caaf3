from __future__ import annotations

import pytest

from relscout.finetuning.trials import scores_of


def test_where_a_relation_means_none_micro_f1_without_it_is_reported() -> None:
    gold = ["Other", "Other", "X(e1,e2)", "X(e2,e1)", "Y(e1,e2)"]
    predicted = ["Other", "X(e1,e2)", "X(e1,e2)", "Other", "Y(e1,e2)"]
    scores = scores_of(predicted, gold)
    assert (scores.reported, scores.none) == ("micro_f1", "Other")
    assert scores.value == pytest.approx(2 * 2 / (3 + 3))
    # X: 1 right of 2 predicted and 2 gold; Y: all
    assert scores.directed_macro_f1 == pytest.approx((0.5 + 1) / 2)


def test_elsewhere_accuracy_is_reported() -> None:
    scores = scores_of(["a", "b", "b"], ["a", "a", "b"])
    assert (scores.reported, scores.none, scores.directed_macro_f1) == ("accuracy", None, None)
    assert scores.value == pytest.approx(2 / 3)


def test_several_names_of_none_are_one_class() -> None:
    scores = scores_of(["NA", "a"], ["no_relation", "a"])
    assert scores.figures.accuracy == 1
    assert scores.figures.n_classes == 1
