"""Scores that are told apart, and those that are not."""

from __future__ import annotations

import numpy as np

from relscout.lab.analysis.figures import compare_formats

NOISE = np.concatenate([[0.0], np.random.default_rng(0).normal(0, 0.03, 1000)])


def scores(**means):
    """Scores that rise and fall together, so that their differences are sure."""
    return {name.replace("CM", "C+M").replace("CT", "C+T"): mean + NOISE for name, mean in means.items()}


def test_sure_differences_give_the_order_of_the_paper():
    found = compare_formats(scores(OnlyT=0.2, OnlyM=0.4, OnlyC=0.5, CT=0.69, CM=0.7))
    assert (found.reversed, found.open) == ((), ())
    assert len(found.confirmed) == 10
    assert found.sentence() == (
        "Its scores follow the order that the paper reports for TACRED (C+M ≈ C+T > OnlyC > OnlyM > OnlyT)."
    )


def test_what_lies_in_the_noise_is_not_told_apart():
    found = compare_formats(scores(CM=0.7, OnlyC=0.5) | {"OnlyM": 0.49 - NOISE})
    assert (found.confirmed, found.reversed) == ((("C+M", "OnlyC"), ("C+M", "OnlyM")), ())
    assert found.open == (("OnlyC", "OnlyM"),)
    assert found.sentence().endswith("(C+M > OnlyC > OnlyM); no significant difference: OnlyC and OnlyM.")
    assert "do not contradict" in found.sentence()
    # a higher score is no reversal either
    assert compare_formats(scores(OnlyC=0.5) | {"OnlyM": 0.51 - NOISE}).reversed == ()
    assert (
        "no two differ significantly"
        in compare_formats(scores(OnlyC=0.5) | {"OnlyM": 0.51 - NOISE}).sentence()
    )


def test_pairs_that_are_no_neighbours_are_compared():
    found = compare_formats(scores(OnlyC=0.5, OnlyT=0.6) | {"OnlyM": 0.55 - 3 * NOISE})
    assert found.reversed == (("OnlyC", "OnlyT"),)
    assert "do not follow the order" in found.sentence()
    assert "OnlyT is 0.100 above OnlyC" in found.sentence()


def test_equal_is_within_two_hundredths_surely():
    pair = (("C+M", "C+T"),)
    assert compare_formats(scores(CM=0.70, CT=0.69)).confirmed == pair
    # equal scores alone are no order
    assert "no two differ significantly" in compare_formats(scores(CM=0.7, CT=0.7, OnlyC=0.7)).sentence()
    assert compare_formats(scores(CM=0.70, CT=0.75)).reversed == pair
    assert compare_formats(scores(CM=0.70) | {"C+T": 0.71 - NOISE}).open == pair


def test_seeds_that_overlap_are_not_told_apart():
    sure = scores(OnlyC=0.5, OnlyM=0.4)
    assert compare_formats(sure, seeds={"OnlyC": [0.6, 0.4], "OnlyM": [0.45, 0.35]}).open == (
        ("OnlyC", "OnlyM"),
    )
    assert compare_formats(sure, seeds={"OnlyC": [0.6, 0.5], "OnlyM": [0.45, 0.35]}).open == ()
