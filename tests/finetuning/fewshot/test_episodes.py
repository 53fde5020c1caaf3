from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.finetuning.episodes import Episode, FewShotScore, draw_episodes, large_enough

CLASSES = np.array([2, 0, 1, 0, 2, 1, 0, 2, 2, 1, 3])  # of 3, 3, 4 and 1 instances


def drawn(episode: Episode, episodes: int, seed: int = 0) -> np.ndarray:
    chosen = np.array([0, 1, 2])
    return draw_episodes(CLASSES, chosen, episode, episodes=episodes, random=np.random.default_rng(seed))


def test_an_episode_has_different_relations_and_no_query_among_its_own_examples() -> None:
    found = drawn(Episode(ways=2, shots=1, queries=2), 500)
    assert found.shape == (500, 2, 3)
    relations = CLASSES[found]
    assert (relations == relations[:, :, :1]).all(), "all instances of a row are of one relation"
    assert (relations[:, 0, 0] != relations[:, 1, 0]).all()
    assert all(len(set(row)) == 3 for row in found.reshape(-1, 3).tolist())


def test_every_sequence_of_instances_is_equally_likely() -> None:
    found = drawn(Episode(ways=3, shots=1), 6000)
    of_first = [tuple(row) for row in found.reshape(-1, 2).tolist() if CLASSES[row[0]] == 0]
    counts = Counter(of_first)
    assert sorted(counts) == [(a, b) for a in (1, 3, 6) for b in (1, 3, 6) if a != b]
    assert all(abs(count - 1000) < 150 for count in counts.values()), counts


def test_relations_are_equally_likely_wherever_they_stand() -> None:
    relations = CLASSES[drawn(Episode(ways=2, shots=1), 6000)[:, :, 0]]
    for way in (0, 1):
        assert all(abs(count - 2000) < 200 for count in np.bincount(relations[:, way]))


def test_relations_with_too_few_instances_are_left_out_by_name() -> None:
    names = ["spouse", "capital of", "orbits", "author"]
    kept, told = large_enough(CLASSES, names, Episode(ways=2, shots=2, queries=1))
    assert kept.tolist() == [0, 1, 2]
    assert told == [
        "1 relation has fewer than the 3 instances that 2 examples and 1 queries take, and is left out: 'author' (1)"
    ]


def test_too_few_relations_are_counted() -> None:
    names = ["spouse", "capital of", "orbits", "author"]
    with pytest.raises(
        InputError, match=r"episodes of 3 relations need as many, but there are 1; .* 'spouse' \(3\)"
    ):
        large_enough(CLASSES, names, Episode(ways=3, shots=3))


@pytest.mark.parametrize(
    ("shape", "message"),
    [((1, 1, 1), "ways is 1, expected at least 2"), ((2, 0, 1), "shots is 0"), ((2, 1, 0), "queries is 0")],
)
def test_an_episode_that_asks_nothing_is_refused(shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Episode(*shape)


def test_one_episode_has_no_standard_error() -> None:
    with pytest.raises(SettingError, match="episodes is 1, expected at least 2"):
        FewShotScore.of(np.array([1.0]), Episode(2, 1), relations=2, warnings=())


def test_the_standard_error_is_that_of_the_mean_over_episodes() -> None:
    accuracies = np.array([1.0, 0.5, 0.0, 0.5])
    score = FewShotScore.of(accuracies, Episode(2, 1, 2), relations=3, warnings=("one",))
    assert score.accuracy == 0.5
    # the deviations are .5, 0, −.5, 0: s² = .5 / 3, and √(s² / 4)
    assert score.standard_error == pytest.approx((0.5 / 3 / 4) ** 0.5)
    assert score.as_dict() == {
        "accuracy": 0.5,
        "standard_error": score.standard_error,
        "episodes": 4,
        "ways": 2,
        "shots": 1,
        "queries": 2,
        "relations": 3,
        "warnings": ["one"],
    }
