from __future__ import annotations

import numpy as np
import pytest
import torch

from relscout.core.errors import InputError
from relscout.finetuning.episodes import (
    SIMILARITIES,
    Comparison,
    accuracies,
    placed,
    probabilities,
    similarities,
)

#: Two relations in two dimensions: three examples of each, then two queries.
VECTORS = np.array([[4, 0], [0, 2], [2, 4], [0, 1], [2, 0], [1, 2], [1, 1], [3, 1]], dtype=np.float32)
PROTOTYPES = np.array([[2, 2], [1, 1]])  # the means of the first three, and of the next three


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        # (1, 1) · (2, 2) = 4, (1, 1) · (1, 1) = 2; (3, 1) · (2, 2) = 8, (3, 1) · (1, 1) = 4
        ("dot", [[4, 2], [8, 4]]),
        # −(1 + 1), 0; −(1 + 1), −(4 + 0)
        ("euclid", [[-2, 0], [-2, -4]]),
        # 1, 1; 8 / (√10 √8), 4 / (√10 √2)
        ("cosine", [[1, 1], [8 / 80**0.5, 4 / 20**0.5]]),
    ],
)
def test_similarities_are_those_of_the_papers(similarity: str, expected: list[list[float]]) -> None:
    found = similarities(torch.from_numpy(VECTORS[6:]), torch.from_numpy(PROTOTYPES).float(), similarity)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("similarity", "expected"), [("dot", 0.5), ("euclid", 0.5), ("cosine", 0.5)])
def test_an_episode_is_told_by_the_means_of_its_examples(similarity: str, expected: float) -> None:
    episode = np.array([[[0, 1, 2, 7], [3, 4, 5, 6]]])  # (1, 2, 3 + 1)
    # dot: both to the first; euclid: both to their own; cosine: the prototypes point the same way, so the first wins
    found = accuracies(VECTORS, episode, shots=3, compared=Comparison(similarity))
    assert found.tolist() == [1.0 if similarity == "euclid" else expected]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_episodes_at_once_are_scored_as_one_by_one(similarity: str) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((40, 8)).astype(np.float32)
    episodes = random.permuted(np.tile(np.arange(40), (30, 1)), axis=1)[:, :20].reshape(30, 4, 5)
    expected = []
    for rows in episodes:
        prototypes = vectors[rows[:, :3]].mean(axis=1)
        right = 0
        for relation, queries in enumerate(rows[:, 3:]):
            for query in vectors[queries]:
                if similarity == "euclid":
                    scores = -np.square(query - prototypes).sum(axis=1)
                else:
                    scores = prototypes @ query
                    if similarity == "cosine":
                        scores /= np.linalg.norm(prototypes, axis=1)
                right += int(scores.argmax() == relation)
        expected.append(right / 8)
    parts = [expected[:12], expected[12:24], expected[24:]]
    assert parts[0] != parts[1]
    assert parts[0][:6] != parts[2] != parts[1][:6]
    # three batches, the last one shorter
    compared = Comparison(similarity)
    found = accuracies(vectors, episodes, shots=3, compared=compared, batch_values=12 * 4 * 5 * 8)
    np.testing.assert_allclose(found, expected)


def test_queries_move_the_prototypes_by_their_probabilities() -> None:
    queries = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.2, 0.0]])
    prototypes, sizes = torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([1.0, 2.0])
    found = Comparison("euclid", sharpness=100.0, refinements=1).scores(queries, prototypes, sizes)
    # hard assignments at this sharpness: (0) to the first, (2) and (2.2) to the second: (2 · 3 + 2 + 2.2) / 4 = 2.55
    expected = -np.square(np.array([0, 2, 2.2])[:, None] - np.array([0, 2.55]))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
    # (1.4, 0) is nearer to the first prototype at 0 than to the second at 3, but not once that has moved
    border = np.array([[1.45, 0]] + [[2.0, 0]] * 20, dtype=np.float32)
    examples, classes = np.array([[0, 0], [3, 0]], dtype=np.float32), np.array([0, 1])
    answers = [
        probabilities(border, examples, classes, compared=Comparison("euclid", 4.0, refinements=rounds))[0]
        for rounds in (0, 3)
    ]
    assert answers[0].argmax() == 0
    assert answers[1].argmax() == 1


def test_episodes_are_refined_one_at_a_time() -> None:
    random = np.random.default_rng(1)
    vectors = placed(random.standard_normal((60, 6)).astype(np.float32), None)
    episodes = random.permuted(np.tile(np.arange(60), (40, 1)), axis=1)[:, :24].reshape(40, 4, 6)
    compared = Comparison("euclid", 4.0, refinements=2)
    together = accuracies(vectors, episodes, shots=2, compared=compared)
    alone = [accuracies(vectors, episodes[[row]], shots=2, compared=compared)[0] for row in range(40)]
    np.testing.assert_array_equal(together, alone)
    assert together.tolist() != accuracies(vectors, episodes, shots=2, compared=Comparison("euclid")).tolist()


def test_vectors_are_placed_around_the_centre_at_unit_length() -> None:
    vectors = np.array([[3, 4], [0, 2]], dtype=np.float32)
    np.testing.assert_allclose(placed(vectors, None), [[0.6, 0.8], [0, 1]], rtol=1e-6)
    # (.6, .8) − (.6, 0) = (0, .8); (0, 1) − (.6, 0) = (−.6, 1)
    found = placed(vectors, np.array([0.6, 0], dtype=np.float32))
    np.testing.assert_allclose(found, [[0, 1], [-0.6 / 1.36**0.5, 1 / 1.36**0.5]], atol=1e-6)
    np.testing.assert_array_equal(vectors, [[3, 4], [0, 2]], "what was given stays")


def test_vectors_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        placed(np.array([[1, np.nan]], dtype=np.float32), None)
