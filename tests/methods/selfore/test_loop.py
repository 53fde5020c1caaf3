"""What happens in the loop, as the report tells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from relscout.core.instances import RelationInstance
from relscout.methods.selfore import SelfORE

Build = Callable[..., SelfORE]
Few = list[RelationInstance]

#: One clustering, with steps so long that the codes run away from each other or all into one place.
TOO_FAST = {"classification": False, "cluster_epochs": 10, "redraws": 0}


def loops(found: SelfORE) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = found.report_["loops"]
    return told


def test_the_loop_ends_when_few_pseudo_labels_change(selfore: Build, few: Few) -> None:
    found = selfore(stop_change=1.0, max_loops=9).fit(few)
    assert len(loops(found)) == 2
    changed = loops(found)[1]["changed"]
    assert 0 <= changed < 1
    assert found.report_["stopped"] == (
        f"in loop 2: {changed:.1%} of the pseudo labels changed, fewer than 100.0%"
    )


def test_the_loop_goes_on_while_many_pseudo_labels_change(selfore: Build, few: Few, plain: SelfORE) -> None:
    least = min(loop["changed"] for loop in loops(plain)[1:])
    assert least > 0, "else nothing is shown here"
    found = selfore(stop_change=least).fit(few)
    assert len(loops(found)) == 3, "as many as the threshold are not fewer"
    assert found.report_["stopped"] == "after 3 loops, the most that were allowed"


@pytest.mark.parametrize("max_loops", [1, 2])
def test_there_are_no_more_loops_than_allowed(max_loops: int, selfore: Build, few: Few) -> None:
    found = selfore(max_loops=max_loops).fit(few)
    assert len(loops(found)) == max_loops
    assert loops(found)[-1]["classification_loss"] == [], "nothing is learnt behind the last clustering"


def test_the_report_has_the_curves(plain: SelfORE) -> None:
    told = loops(plain)
    assert [loop["changed"] is None for loop in told] == [True, False, False]
    assert all(0 <= loop["changed"] <= 1 for loop in told[1:])
    assert [len(loop["classification_loss"]) for loop in told] == [2, 2, 0]
    assert [len(loop["classification_accuracy"]) for loop in told] == [2, 2, 0]
    assert all(len(loop["adaptive_loss"]) == 4 for loop in told), "three epochs, and the end"
    assert all(len(loop["autoencoder_loss"]) == 30 for loop in told), "40 instances are one batch"
    assert all(1 <= loop["effective_clusters"] <= 4 for loop in told)
    assert plain.report_["pseudo_labels"] == 4
    json.dumps(plain.report_, allow_nan=False)


@pytest.mark.parametrize(
    ("settings", "passes"),
    [({}, 3), ({"max_loops": 1}, 1), ({"frozen_epochs": 0}, 3), ({"frozen_loops": "first"}, 3)],
)
def test_sentences_are_encoded_once_in_a_loop(
    settings: dict[str, Any], passes: int, selfore: Build, few: Few
) -> None:
    told: list[int] = []
    selfore(**settings).fit(
        few, progress=lambda stage, done, _: told.append(done) if stage == "encode again" else None
    )
    assert told.count(40) == passes


def test_the_encoder_may_be_frozen_in_the_first_loop_only(selfore: Build, few: Few, plain: SelfORE) -> None:
    first, second, _ = loops(selfore(frozen_loops="first").fit(few))
    assert first == loops(plain)[0]
    assert second["adaptive_loss"] == loops(plain)[1]["adaptive_loss"]
    assert second["classification_loss"] != loops(plain)[1]["classification_loss"]
    never = loops(selfore(frozen_epochs=0).fit(few))
    assert never[0]["classification_loss"] != first["classification_loss"]


def test_without_adaptive_clustering_there_is_k_means(selfore: Build, few: Few) -> None:
    told = loops(selfore(adaptive=False).fit(few))
    assert all(loop["adaptive_loss"] == loop["autoencoder_loss"] == [] for loop in told)
    assert [len(loop["classification_loss"]) for loop in told] == [2, 2, 0]


def test_without_classification_there_is_one_clustering(selfore: Build, few: Few) -> None:
    found = selfore(classification=False).fit(few)
    assert len(loops(found)) == 1
    assert loops(found)[0]["changed"] is None
    assert found.report_["stopped"] == "after one clustering: there is no relation classification"


def test_the_first_loop_is_the_one_without_classification(selfore: Build, few: Few, plain: SelfORE) -> None:
    alone = loops(selfore(classification=False).fit(few))[0]
    told = loops(plain)[0]
    for curve in ("autoencoder_loss", "adaptive_loss", "effective_clusters"):
        assert told[curve] == pytest.approx(alone[curve], rel=1e-3)


def test_an_aligned_head_knows_the_pseudo_labels_of_the_next_loop(selfore: Build, few: Few) -> None:
    # k-means on the representations that were trained to tell its clusters hardly changes them
    settings = {"adaptive": False, "classifier_epochs": 26, "frozen_epochs": 25, "max_loops": 3}
    settings |= {"head_learning_rate": 0.01}
    aligned, fresh = (loops(selfore(head=head, **settings).fit(few)) for head in ("aligned", "fresh"))
    assert aligned[0] == fresh[0]
    assert aligned[1]["changed"] == fresh[1]["changed"] < 0.2
    assert aligned[1]["classification_loss"][0] < 0.7 * fresh[1]["classification_loss"][0]


def test_pseudo_labels_that_only_change_their_numbers_have_not_changed(selfore: Build, few: Few) -> None:
    # four sentences, ten times each: there is one partition, and every loop's k-means numbers it in its own way
    repeated = [replace(few[row % 4], id=str(row)) for row in range(40)]
    told = loops(selfore(adaptive=False).fit(repeated))
    assert [loop["changed"] for loop in told] == [None, 0, 0]


def test_a_collapse_is_told_and_k_means_stands_in(selfore: Build, few: Few) -> None:
    found = selfore(restarts=1, cluster_learning_rate=100.0, **TOO_FAST).fit(few)
    first, second = found.report_["warnings"]
    assert first.startswith("adaptive clustering of loop 1 collapsed: its 4 clusters have the entropy of ")
    assert first.endswith("; tried again with half the learning rate")
    assert second.endswith("; k-means stands in for it")
    instead = selfore(adaptive=False, classification=False).fit(few)
    np.testing.assert_array_equal(found.labels_, instead.labels_)
    assert loops(found)[0]["effective_clusters"] == loops(instead)[0]["effective_clusters"]


@pytest.mark.parametrize("restarts", [0, 3])
def test_a_collapse_is_tried_again_as_often_as_allowed(restarts: int, selfore: Build, few: Few) -> None:
    found = selfore(restarts=restarts, cluster_learning_rate=100.0, **TOO_FAST).fit(few)
    assert len(found.report_["warnings"]) == restarts + 1


def test_a_slower_attempt_may_do(selfore: Build, few: Few) -> None:
    found = selfore(restarts=9, cluster_learning_rate=0.05, **TOO_FAST).fit(few)
    told = [warning for warning in found.report_["warnings"] if "collapsed" in warning]
    assert 1 <= len(told) <= 9
    assert all(warning.endswith("; tried again with half the learning rate") for warning in told)
    assert loops(found)[0]["adaptive_loss"]


#: Steps of SGD so long that the loss is no number after the first one.
DIVERGES = {"optimizer": "sgd", "cluster_learning_rate": 1e38, "cluster_batch": 0}


def test_a_divergence_is_told_and_k_means_stands_in(selfore: Build, few: Few) -> None:
    found = selfore(restarts=1, **TOO_FAST, **DIVERGES).fit(few)
    diverged = "in loop 1, adaptive clustering diverged: its loss is nan; lower cluster_learning_rate, now "
    assert found.report_["warnings"] == [
        f"{diverged}1e+38; tried again with half the learning rates",
        f"{diverged}5e+37; k-means stands in for it",
    ]
    instead = selfore(adaptive=False, classification=False).fit(few)
    np.testing.assert_array_equal(found.labels_, instead.labels_)
    json.dumps(found.report_, allow_nan=False)


def test_an_autoencoder_that_diverged_is_trained_again_more_slowly(selfore: Build, few: Few) -> None:
    found = selfore(restarts=9, autoencoder_learning_rate=1e13, **TOO_FAST).fit(few)
    told = [warning for warning in found.report_["warnings"] if "the autoencoder diverged" in warning]
    assert told[0].endswith("now 10000000000000.0; tried again with half the learning rates")
    assert "now 5000000000000.0;" in told[1]


def test_a_loop_goes_on_behind_a_clustering_that_diverged(selfore: Build, few: Few) -> None:
    found = selfore(restarts=0, max_loops=2, redraws=0, **DIVERGES).fit(few)
    assert [warning[:9] for warning in found.report_["warnings"]] == ["in loop 1", "in loop 2"]
    assert len(loops(found)) == 2
    np.testing.assert_array_equal(found.predict(few), found.labels_)


def test_codes_that_are_all_the_same_are_a_collapse(selfore: Build, few: Few) -> None:
    # a single unit in the middle, which with this seed is off for every instance
    blind = selfore(layers="1-4", autoencoder_steps=0, autoencoder_epochs=0, restarts=0, classification=False)
    blind.seed = 7
    found = blind.fit(few)
    (warning,) = found.report_["warnings"]
    assert "the entropy of 1.0 equal ones" in warning
    assert warning.endswith("k-means stands in for it")
    assert found.n_relations_ == 4


def test_no_collapse_is_told_where_there_is_none(plain: SelfORE) -> None:
    assert plain.report_["warnings"] == []
