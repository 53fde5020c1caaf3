from __future__ import annotations

import numpy as np
import pytest

from relscout.methods.rocore import RoCORESettings
from relscout.methods.rocore.training import EpochSelector, EpochStats, epoch_stats


def epoch(predicted: list[int], agreement: float, *, relations: float = 2.0) -> EpochStats:
    return EpochStats(np.array(predicted), agreement, 0.5, relations, 2.0)


def selector(*epochs: EpochStats, **settings: object) -> EpochSelector:
    found = EpochSelector(RoCORESettings(**settings))  # type: ignore[arg-type]
    for number, one in enumerate(epochs):
        found.add(one, {}, lambda number=number: {"weight": np.array([number])})  # type: ignore[misc]
    return found


def test_predictions_are_matched_with_clusters_whatever_their_numbers() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]] * 9
    found = epoch_stats(scores, np.array([2, 2, 0, 0]))
    assert found.predicted.tolist() == [0, 0, 1, 2]
    assert found.agreement == 0.75
    assert found.effective_relations == pytest.approx(np.exp(1.5 * np.log(2)))


def test_entropy_is_one_where_nothing_is_told_apart_and_zero_where_all_is() -> None:
    assert epoch_stats(np.zeros((5, 4), dtype=np.float32), np.arange(5)).entropy == pytest.approx(1)
    sure = np.eye(4, dtype=np.float32) * 1000
    assert epoch_stats(sure, np.arange(4)).entropy == pytest.approx(0)
    assert epoch_stats(np.zeros((5, 1), dtype=np.float32), np.zeros(5, dtype=np.int64)).entropy == 0


def test_the_epoch_of_the_highest_agreement_is_kept_of_equal_ones_the_first() -> None:
    found = selector(epoch([0, 1], 0.5), epoch([1, 0], 0.9), epoch([0, 1], 0.9), epoch([1, 0], 0.7))
    assert found.kept == 1
    assert found.best["weight"].tolist() == [1]
    assert found.agreement == 0.9


def test_or_the_last_whose_weights_need_no_keeping() -> None:
    found = selector(epoch([0, 1], 0.9), epoch([1, 0], 0.1), select="last")
    assert (found.kept, found.best) == (1, {})


def test_incremental_learning_keeps_no_epoch_before_novel_relations_have_their_weight() -> None:
    same = [epoch([0, 1, 0, 1], agreement) for agreement in (0.9, 0.8, 0.3, 0.5, 0.4)]
    found = selector(*same[:3], incremental=True, ramp_up_epochs=4, patience=2)
    assert not found.stopped
    found = selector(*same, incremental=True, ramp_up_epochs=4, patience=9)
    assert (found.kept, found.best["weight"].tolist()) == (3, [3])
    assert selector(*same[:4], incremental=True, ramp_up_epochs=4, patience=2).stopped.startswith("after 4")
    # where training is shorter than that, the last one
    assert selector(*same[:2], incremental=True, ramp_up_epochs=4, epochs=2).kept == 1


def test_training_ends_when_predictions_have_settled_for_long_enough() -> None:
    same, other = epoch([0, 1, 0, 1], 0.5), epoch([1, 1, 0, 1], 0.5)
    assert not selector(same, same, other, same, same, patience=2).stopped
    found = selector(same, other, other, other, patience=2)
    assert found.stopped.startswith("after 4 epochs: fewer than 4.0% of the predictions changed in each of")
    assert [one["changed"] for one in found.epochs] == [None, 0.25, 0, 0]


def test_or_after_the_most_epochs_that_are_allowed() -> None:
    found = selector(epoch([0, 1], 0.5), epoch([1, 0], 0.5), epochs=2)
    assert found.stopped == "after 2 epochs, the most that were allowed"


def test_no_change_is_small_enough_to_end_where_it_must_not() -> None:
    assert not selector(*[epoch([0, 1], 0.5)] * 9, stop_change=0.0).stopped


def test_a_collapsed_classifier_is_told() -> None:
    assert selector(epoch([0, 1], 0.5, relations=1.5)).warnings() == []
    (warning,) = selector(epoch([0, 0], 0.5, relations=0.9)).warnings()
    assert "has collapsed: its predictions have the entropy of 0.9 equal relations" in warning


def test_it_goes_on_as_if_it_had_never_stopped() -> None:
    told = selector(epoch([0, 1], 0.5), epoch([1, 0], 0.9))
    state, arrays = told.state()
    found = EpochSelector(told.settings)
    found.load(state, {**arrays, "other": np.zeros(3)})
    for one in (told, found):
        one.add(epoch([1, 1], 0.7), {}, dict)
    assert found.epochs == told.epochs
    assert found.kept == told.kept == 1
    assert found.history().tolist() == told.history().tolist() == [[0, 1], [1, 0], [1, 1]]
    assert found.best["weight"].tolist() == [1]


def test_the_history_takes_two_bytes_a_prediction_where_that_is_enough() -> None:
    assert selector(epoch([0, 2**15 - 1], 0.5)).history().dtype == np.int16
    assert selector(epoch([0, 2**15], 0.5)).history().dtype == np.int32
