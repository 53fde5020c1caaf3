from __future__ import annotations

import numpy as np

from relscout.training.loop import batches_by_length


def test_every_row_is_in_one_batch() -> None:
    found = batches_by_length(np.arange(1, 46), 10, np.random.default_rng(0))
    assert sorted(len(batch) for batch in found) == [5, 10, 10, 10, 10]
    assert sorted(np.concatenate(found).tolist()) == list(range(45))


def test_batches_hold_sentences_of_similar_length() -> None:
    lengths = np.repeat([5, 50], 20)
    found = batches_by_length(lengths, 10, np.random.default_rng(0))
    assert all(len(set(lengths[batch].tolist())) == 1 for batch in found)


def test_every_pass_is_another_one_with_as_many_batches() -> None:
    random, lengths = np.random.default_rng(0), np.arange(30)
    first, second = (batches_by_length(lengths, 7, random) for _ in range(2))
    assert len(first) == len(second) == 5
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]


def test_a_batch_that_is_too_small_joins_another() -> None:
    random = np.random.default_rng(0)
    found = batches_by_length(np.arange(1, 42), 10, random, least=2)
    assert sorted(len(rows) for rows in found) == [10, 10, 10, 11]
    assert sorted(np.concatenate(found).tolist()) == list(range(41))
    assert [len(rows) for rows in batches_by_length(np.arange(1), 10, random, least=2)] == [1]
