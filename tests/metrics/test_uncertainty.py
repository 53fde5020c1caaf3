from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError, SettingError
from relscout.metrics import (
    bootstrap_intervals,
    classification_scores,
    majority_mapped,
    mean_std,
    over_seeds,
    percentile_interval,
    resampled_shares,
    score,
)


def noisy(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 5, n)
    return np.where(random.random(n) < 0.7, gold, random.integers(0, 5, n)), gold


def test_there_is_an_interval_for_every_figure_and_for_no_count() -> None:
    intervals = bootstrap_intervals([0, 0, 1], ["a", "a", "b"], n_resamples=5)

    figures = [name for name, value in score([0], [0]).as_dict().items() if isinstance(value, float)]
    assert list(intervals) == figures


def test_intervals_lie_around_the_scores() -> None:
    found, gold = noisy(1000)
    scores = score(found, gold).as_dict()

    for name, interval in bootstrap_intervals(found, gold, n_resamples=200).items():
        assert interval.low < scores[name] < interval.high  # type: ignore[operator]


def test_intervals_of_accuracy_are_as_wide_as_the_binomial_says() -> None:
    found, gold = noisy(2000)
    accuracy = score(found, gold).accuracy

    interval = bootstrap_intervals(found, gold, n_resamples=400)["accuracy"]

    expected = 2 * 1.96 * (accuracy * (1 - accuracy) / 2000) ** 0.5
    assert interval.high - interval.low == pytest.approx(expected, rel=0.15)


def test_more_instances_make_narrower_intervals() -> None:
    few, many = (bootstrap_intervals(*noisy(n), n_resamples=100)["b3_f1"] for n in (100, 10_000))

    assert many.high - many.low < (few.high - few.low) / 3


def test_less_confidence_makes_narrower_intervals() -> None:
    found, gold = noisy(500)
    wide = bootstrap_intervals(found, gold, n_resamples=100, confidence=0.95)["ari"]
    narrow = bootstrap_intervals(found, gold, n_resamples=100, confidence=0.5)["ari"]

    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_perfect_clustering_stays_perfect_in_every_resample() -> None:
    intervals = bootstrap_intervals([0, 0, 1, 1, 2], list("aabbc"), n_resamples=50)

    assert set(intervals.values()) == {(1.0, 1.0)}


def test_the_same_seed_gives_the_same_intervals() -> None:
    found, gold = noisy(200)

    assert bootstrap_intervals(found, gold, n_resamples=20, seed=3) == bootstrap_intervals(
        found, gold, n_resamples=20, seed=3
    )


def test_another_seed_gives_other_intervals() -> None:
    found, gold = noisy(200)

    assert bootstrap_intervals(found, gold, n_resamples=20, seed=3) != bootstrap_intervals(
        found, gold, n_resamples=20, seed=4
    )


def test_the_order_of_the_instances_does_not_change_the_intervals() -> None:
    found, gold = noisy(200)

    assert bootstrap_intervals(found[::-1], gold[::-1], n_resamples=20) == bootstrap_intervals(
        found, gold, n_resamples=20
    )


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=15))
def test_intervals_stay_within_the_bounds_of_the_scores(pairs: list[tuple[int, int]]) -> None:
    found, gold = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    intervals = bootstrap_intervals(found, gold, n_resamples=10)

    assert all(-0.5 <= low <= high <= 1.0 for low, high in intervals.values())


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_no_share_is_refused(confidence: float) -> None:
    with pytest.raises(SettingError, match=f"confidence is {confidence}"):
        bootstrap_intervals([0], [0], confidence=confidence)


def test_no_resamples_are_refused() -> None:
    with pytest.raises(SettingError, match="n_resamples is 0"):
        bootstrap_intervals([0], [0], n_resamples=0)


def test_mean_and_sample_deviation_of_three_values() -> None:
    # deviations -1, 0, 1: a sum of squares of 2 over n - 1 = 2
    assert mean_std([1.0, 2.0, 3.0]) == (2.0, 1.0, 3)


def test_a_single_value_has_no_deviation() -> None:
    assert mean_std([0.5]) == (0.5, None, 1)


def test_no_values_are_refused() -> None:
    with pytest.raises(InputError, match="0 values"):
        mean_std([])


def test_seeds_are_summarised_figure_by_figure() -> None:
    gold = ["a", "a", "b", "b"]
    summary = over_seeds([score([0, 0, 1, 1], gold), score([0, 0, 0, 0], gold)])

    # precision 1 and 1/2
    assert summary["b3_precision"] == (0.75, pytest.approx(0.125**0.5), 2)
    assert "n_found" not in summary
    assert "protocol" not in summary


def test_classification_scores_are_summarised_too() -> None:
    summary = over_seeds([classification_scores(["a", predicted], ["a", "b"]) for predicted in ("a", "b")])

    assert summary["accuracy"].mean == 0.75


def test_raw_and_majority_mapped_scores_are_never_averaged() -> None:
    gold = ["a", "b"]
    with pytest.raises(InputError, match="majority mapped and ClusteringScores of raw clusters"):
        over_seeds([score([0, 1], gold), majority_mapped([0, 1], gold)])


def test_no_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="0 scores"):
        over_seeds([])


def test_shares_are_resampled_together_and_around_the_share_itself():
    flags = np.array([[True, False]] * 30 + [[False, True]] * 60 + [[True, True]] * 10)
    drawn = resampled_shares(flags, n_resamples=400, seed=1)
    assert drawn.shape == (400, 2)
    assert drawn.mean(axis=0) == pytest.approx([0.4, 0.7], abs=0.01)
    # a binomial of 100 draws
    assert drawn.std(axis=0) == pytest.approx([0.24**0.5 / 10, 0.21**0.5 / 10], rel=0.15)
    # every instance has one of the two, or both
    assert (drawn.sum(axis=1) >= 1 - 1e-12).all()
    assert (resampled_shares(flags[::-1], n_resamples=400, seed=1) == drawn).all()
    low, high = percentile_interval(drawn[:, 0])
    assert 0.28 < low < 0.36 < 0.44 < high < 0.52


def test_no_instance_cannot_be_resampled():
    with pytest.raises(InputError, match="0 instances"):
        resampled_shares(np.empty((0, 2), dtype=bool))
    with pytest.raises(SettingError, match="n_resamples is 0"):
        resampled_shares(np.ones((1, 1), dtype=bool), n_resamples=0)
