from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.metrics import confusions, directed_macro_f1, has_directions, relation_scores

GOLD = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "a", "b"]


def test_each_relation_has_precision_recall_and_f1() -> None:
    a, b, c = relation_scores(PREDICTED, GOLD)
    assert (a.relation, a.precision, a.recall, a.f1) == ("a", *[pytest.approx(2 / 3)] * 3)
    assert (b.precision, b.recall, b.n_gold, b.n_predicted) == (pytest.approx(1 / 3), 0.5, 2, 3)
    assert b.f1 == pytest.approx(0.4)
    assert (c.precision, c.recall, c.f1, c.n_predicted) == (0, 0, 0, 0)


def test_confusions_come_most_frequent_first_and_then_by_name() -> None:
    found = confusions([*PREDICTED, "b"], [*GOLD, "a"])
    assert [(one.gold, one.predicted, one.count) for one in found] == [
        ("a", "b", 2),
        ("b", "a", 1),
        ("c", "b", 1),
    ]


def test_the_official_score_of_semeval_pools_directions_and_counts_wrong_ones_as_mistakes() -> None:
    gold = ["X(e1,e2)", "X(e1,e2)", "X(e2,e1)", "Y(e1,e2)", "Other", "Other"]
    predicted = ["X(e1,e2)", "X(e2,e1)", "X(e2,e1)", "Other", "Y(e1,e2)", "Other"]
    # X: 2 right of 3 predicted and 3 gold; Y: 0 of 1 and 1
    assert directed_macro_f1(predicted, gold, na_label="Other") == pytest.approx((2 / 3 + 0) / 2)


def test_relations_without_directions_have_no_such_score() -> None:
    assert not has_directions(GOLD)
    assert not has_directions(["Other"], na_label="Other")
    with pytest.raises(InputError, match="not all directed relations"):
        directed_macro_f1(PREDICTED, GOLD)
