from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.methods.rocore.classifier import Classifiers, Linear


def corners(counts: list[int]) -> NDArray[np.float32]:
    """Vectors of unit length near the axes, as many near each as is asked for."""
    random = np.random.default_rng(0)
    near = np.repeat(np.eye(len(counts)), counts, axis=0) + random.normal(
        scale=0.02, size=(sum(counts), len(counts))
    )
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


def test_outputs_stand_by_size_and_those_that_nobody_chose_are_gone() -> None:
    weight = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], dtype=np.float32)
    found = Classifiers.of(
        Linear(weight, np.zeros(4, np.float32)), None, ["b", "a"], corners([3, 9, 5]), 4, seed=0
    )
    assert found.n_relations == 3
    np.testing.assert_array_equal(found.novel.weight, weight[[1, 2, 0]])
    assert found.relation_of.tolist() == [0, 1, 2]
    assert found.predefined == ("a", "b")


def test_outputs_of_vectors_that_lie_together_become_one_relation_the_largest_first() -> None:
    vectors = corners([6, 4, 8])
    # four outputs, of which the first two split what lies at the first axis
    weight = np.array([[1, 0.3, 0], [1, -0.3, 0], [0, 2, 0], [0, 0, 2]], dtype=np.float32)
    unified = Linear(
        np.concatenate([[[9, 9, 9], [8, 8, 8]], weight]).astype(np.float32), np.zeros(6, np.float32)
    )
    novel = Linear(weight, np.zeros(4, np.float32))
    found = Classifiers.of(novel, unified, ["b", "a"], vectors, 3, seed=0)
    labels = found.shares(vectors).argmax(axis=1)
    assert labels.tolist() == [1] * 6 + [2] * 4 + [0] * 8
    assert found.n_relations == 3
    assert found.unified is not None
    np.testing.assert_array_equal(found.unified.weight[:2, 0], [8, 9])
    outputs = np.arange(2 + len(found.novel.bias))
    assert found.numbered(outputs).tolist() == [0, 1, *(2 + found.relation_of)]
    assert (
        Classifiers.restored(found.arrays(), found.predefined).shares(vectors).tobytes()
        == found.shares(vectors).tobytes()
    )
