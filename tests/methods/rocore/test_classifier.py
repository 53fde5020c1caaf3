from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.methods.rocore.estimator import Classifiers, Linear


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
    np.testing.assert_array_equal(found.linear.weight, weight[[1, 2, 0]])
    assert found.relation_of.tolist() == [0, 1, 2]
    assert (found.predefined, found.names) == (("a", "b"), {})


#: Four outputs of three axes, of which the first two split what lies at the first axis.
SPLIT = np.array([[1, 0.3, 0], [1, -0.3, 0], [0, 2, 0], [0, 0, 2]], dtype=np.float32)


def test_outputs_of_vectors_that_lie_together_become_one_relation_the_largest_first() -> None:
    vectors = corners([6, 4, 8])
    found = Classifiers.of(Linear(SPLIT, np.zeros(4, np.float32)), None, ["b", "a"], vectors, 3, seed=0)
    assert found.shares(vectors).argmax(axis=1).tolist() == [1] * 6 + [2] * 4 + [0] * 8
    assert found.n_relations == 3
    assert (
        Classifiers.restored(found.arrays(), found.predefined).shares(vectors).tobytes()
        == found.shares(vectors).tobytes()
    )


def test_one_classifier_numbers_what_it_tells_of_the_corpus_first_and_keeps_every_name() -> None:
    vectors = corners([6, 4, 8])
    # "b" takes what lies at the second axis, so that the novel output there is not there any more; "a" takes nothing
    known = np.array([[0, 9, 0], [-1, -1, -1]], dtype=np.float32)
    unified = Linear(np.concatenate([known, SPLIT]), np.zeros(6, np.float32))
    found = Classifiers.of(Linear(SPLIT, np.zeros(4, np.float32)), unified, ["b", "a"], vectors, 3, seed=0)
    assert found.shares(vectors).argmax(axis=1).tolist() == [1] * 6 + [2] * 4 + [0] * 8
    assert found.n_relations == 4
    assert found.names == {2: "b", 3: "a"}
    assert found.shares(-vectors).argmax(axis=1).tolist() == [3] * 18
    loaded = Classifiers.restored(found.arrays(), found.predefined)
    assert loaded.names == found.names
    assert loaded.shares(vectors).tobytes() == found.shares(vectors).tobytes()


def test_all_of_the_corpus_may_be_pre_defined() -> None:
    vectors = corners([3, 2])
    novel = Linear(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    unified = Linear(np.array([[9, 0], [0, 9], [1, 0], [0, 1]], dtype=np.float32), np.zeros(4, np.float32))
    found = Classifiers.of(novel, unified, ["b", "a"], vectors, 2, seed=0)
    assert found.names == {0: "b", 1: "a"}
    assert found.n_relations == 2
