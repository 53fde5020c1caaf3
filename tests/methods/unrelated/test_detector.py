from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.methods.unrelated.detector import (
    Detector,
    append_no_relation,
    arrays_of,
    best_threshold,
    checked_share,
    estimated_share,
    restored,
)


def mixture(n_related: int, n_unrelated: int, *, seed: int) -> NDArray[np.float32]:
    """Vectors of unit length: what is unrelated lies on the other side of the first axis, not without overlap."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((n_related + n_unrelated, 8))
    vectors[:n_related, 0] += 2.5
    vectors[n_related:, 0] -= 2.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def learnt(n_related: int, n_unrelated: int, share: Any = "auto") -> tuple[Detector, NDArray[np.bool_]]:
    corpus = mixture(n_related, n_unrelated, seed=0)
    redrawn = mixture(0, 600, seed=1)
    detector = Detector.of(corpus, redrawn, share=share, seed=0)
    return detector, detector.none(corpus) > 0.5


@pytest.mark.parametrize("n_unrelated", [200, 400, 600])
def test_the_share_is_estimated_and_the_right_ones_are_told(n_unrelated: int) -> None:
    detector, told = learnt(800, n_unrelated)
    assert detector.share == pytest.approx(n_unrelated / (800 + n_unrelated), abs=0.06)
    assert told[800:].mean() > 0.8
    assert told[:800].mean() < 0.05


def test_nothing_is_told_where_everything_is_related() -> None:
    detector, told = learnt(800, 0)
    assert detector.share < 0.01
    assert told.mean() < 0.01


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_a_given_share_is_told(share: float) -> None:
    detector, told = learnt(700, 300, share)
    assert detector.share == share
    assert told.mean() == pytest.approx(share, abs=0.002)


def test_it_is_the_same_again_and_behind_a_copy_in_arrays() -> None:
    (first, _), (second, _) = learnt(300, 100), learnt(300, 100)
    vectors = mixture(50, 50, seed=3)
    assert first.none(vectors).tobytes() == second.none(vectors).tobytes()
    assert restored(arrays_of(first)).none(vectors).tobytes() == first.none(vectors).tobytes()


@pytest.mark.parametrize("share", ["auto", 0.5])
def test_labelled_instances_are_learnt_from_and_not_counted(share: Any) -> None:
    own, labelled = mixture(300, 300, seed=0), mixture(2000, 0, seed=2)
    detector = Detector.of(own, mixture(0, 600, seed=1), related=labelled, share=share, seed=0)
    assert (detector.none(own) > 0.5).mean() == pytest.approx(0.5, abs=0.08)
    assert (detector.none(labelled) > 0.5).mean() < 0.05


def test_the_estimate_is_the_least_ratio_of_what_lies_above() -> None:
    redrawn = np.arange(100.0)
    # a quarter of the corpus is like what is drawn, the rest lies below all of it
    corpus = np.concatenate([np.repeat(redrawn, 1), np.full(300, -50.0)])
    assert estimated_share(corpus, redrawn) == pytest.approx(0.25, abs=0.05)
    assert estimated_share(np.full(300, -50.0), redrawn) == 0
    assert estimated_share(redrawn + 1000, redrawn) < 1


@pytest.mark.parametrize("share", ["much", -0.1, 1, 1.5, float("nan"), True, None])
def test_a_share_that_is_none_is_refused(share: Any) -> None:
    with pytest.raises(
        SettingError, match="expected 'auto', a share of the corpus from 0 to below 1, or a list"
    ):
        checked_share(share)


def test_none_is_likeliest_exactly_where_it_is_likelier_than_not() -> None:
    probabilities = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], dtype=np.float32)
    none = np.array([0.51, 0.49, 0.0], dtype=np.float32)
    found = append_no_relation(probabilities, none)
    assert found.argmax(axis=1).tolist() == [2, 0, 0]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:, 0] / found[:, 1], [0.25, 1, 9], rtol=1e-4)


def test_the_threshold_of_judged_pairs_lies_between_the_kinds() -> None:
    scores = np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0])
    unrelated = np.arange(6) >= 3
    assert best_threshold(scores, unrelated) == pytest.approx(5, abs=0.01)
    assert best_threshold(-scores, ~unrelated) == pytest.approx(-5, abs=0.01)
    assert best_threshold(10 + 3 * scores, unrelated) == pytest.approx(25, abs=0.03)


def test_a_few_judged_pairs_tell_the_threshold_of_many() -> None:
    found = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        scores = np.concatenate([random.normal(0, 1, 20), random.normal(2, 1, 20)])
        found.append(best_threshold(scores, np.arange(40) >= 20))
    # two normal distributions, equally wide: half way between their means
    assert np.mean(found) == pytest.approx(1, abs=0.1)
    assert np.std(found) < 0.25


@pytest.mark.parametrize("scores", [np.zeros(4), np.array([4.0, 3.0, 2.0, 1.0])])
def test_scores_that_tell_nothing_have_a_threshold(scores: NDArray[np.float64]) -> None:
    assert best_threshold(scores, np.arange(4) >= 2) == pytest.approx(scores.mean())


def test_a_few_judged_pairs_decide_the_threshold_and_with_it_the_share() -> None:
    corpus, redrawn = mixture(800, 400, seed=0), mixture(0, 600, seed=1)
    judged = mixture(20, 20, seed=2), np.arange(40) >= 20
    detector = Detector.of(corpus, redrawn, judged=judged, seed=0)
    told = detector.none(corpus) > 0.5
    assert detector.share == pytest.approx(told.mean())
    assert told[800:].mean() > 0.9
    assert told[:800].mean() < 0.1
