from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.methods.rsn.training import LabelledPairs, Pairs, unlabelled_pairs

#: Relation 1 has four instances, 0 three, 2 one.
RELATIONS = np.array([1, 0, 1, 2, 1, 0, 0, 1])


def slow_draw(relations: list[int], count: int, random: np.random.Generator) -> list[tuple[int, int, bool]]:
    """Draw from lists of candidates, with the same random numbers in the same order."""
    rows = sorted(range(len(relations)), key=lambda row: (relations[row], row))
    partnered = [row for row in rows if relations.count(relations[row]) > 1]
    firsts = [partnered[place] for place in random.integers(len(partnered), size=count // 2)]
    partners = [[row for row in rows if relations[row] == relations[one] and row != one] for one in firsts]
    chosen = random.integers([len(candidates) for candidates in partners])
    found = [(a, c[n], True) for a, c, n in zip(firsts, partners, chosen, strict=True)]
    firsts = [rows[place] for place in random.integers(len(rows), size=count - count // 2)]
    others = [[row for row in rows if relations[row] != relations[one]] for one in firsts]
    chosen = random.integers([len(candidates) for candidates in others])
    found += [(a, c[n], False) for a, c, n in zip(firsts, others, chosen, strict=True)]
    return [found[place] for place in random.permutation(count)]


def as_list(pairs: Pairs) -> list[tuple[int, int, bool]]:
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.same.tolist(), strict=True))


@pytest.mark.parametrize("count", [2, 7, 200])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_of_lists_of_candidates(count: int, seed: int) -> None:
    found = LabelledPairs(RELATIONS).draw(count, np.random.default_rng(seed))
    assert as_list(found) == slow_draw(RELATIONS.tolist(), count, np.random.default_rng(seed))


@pytest.mark.parametrize(("count", "n_same"), [(2, 1), (7, 3), (100, 50)])
def test_half_of_the_pairs_are_of_the_same_relation(count: int, n_same: int) -> None:
    found = LabelledPairs(RELATIONS).draw(count, np.random.default_rng(0))
    assert found.same.sum() == n_same
    np.testing.assert_array_equal(RELATIONS[found.left] == RELATIONS[found.right], found.same)
    assert (found.left != found.right).all()


def test_every_pair_is_as_likely_as_it_should_be() -> None:
    count = 40_000
    found = Counter(as_list(LabelledPairs(RELATIONS).draw(count, np.random.default_rng(0))))
    for one in range(len(RELATIONS)):
        for other in range(len(RELATIONS)):
            alike = int((RELATIONS[one] == RELATIONS).sum())
            same = bool(RELATIONS[one] == RELATIONS[other])
            # 7 instances have a partner, of which there are alike − 1; all 8 have 8 − alike of other relations
            chance = (1 / 7 / (alike - 1) if alike > 1 else 0) if same else 1 / 8 / (8 - alike)
            expected = 0 if one == other else chance * count / 2
            assert abs(found[one, other, same] - expected) <= 5 * expected**0.5


def test_a_relation_with_one_instance_is_in_pairs_of_different_ones_only() -> None:
    pairs = LabelledPairs(RELATIONS)
    found = pairs.draw(2000, np.random.default_rng(0))
    with_it = (found.left == 3) | (found.right == 3)
    assert with_it.any()
    assert not found.same[with_it].any()
    assert pairs.n_alone == 1


def test_the_numbers_of_the_relations_change_no_pair_that_is_possible() -> None:
    possible = [
        {(a, b, same) for a, b, same in as_list(LabelledPairs(numbers).draw(5000, np.random.default_rng(0)))}
        for numbers in (RELATIONS, np.array([5, 2, 0])[RELATIONS])
    ]
    assert possible[0] == possible[1]


def test_numbers_of_which_some_are_missing_work() -> None:
    found = LabelledPairs(np.array([4, 4, 9, 9])).draw(50, np.random.default_rng(0))
    assert {frozenset(pair[:2]) for pair in as_list(found) if pair[2]} == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }


def test_one_relation_gives_no_pairs_of_different_ones() -> None:
    with pytest.raises(InputError, match="the 3 labelled instances have one relation; give at least two"):
        LabelledPairs(np.zeros(3, dtype=np.int64))


def test_relations_with_one_instance_each_give_no_pairs_of_the_same_one() -> None:
    with pytest.raises(InputError, match="each of the 3 labelled relations has one instance"):
        LabelledPairs(np.arange(3))


def test_pairs_split_into_parts_in_their_order() -> None:
    whole = LabelledPairs(RELATIONS).draw(10, np.random.default_rng(0))
    parts = whole.split(3)
    assert [len(part.left) for part in parts] == [4, 3, 3]
    assert [pair for part in parts for pair in as_list(part)] == as_list(whole)


def test_unlabelled_pairs_are_of_two_different_rows() -> None:
    rows = np.array([10, 20, 30])
    found = unlabelled_pairs(rows, 6000, np.random.default_rng(0))
    counts = Counter(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert set(counts) == {(a, b) for a in (10, 20, 30) for b in (10, 20, 30) if a != b}
    assert all(abs(count - 1000) < 150 for count in counts.values())
    assert not len(found.same)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_rows_give_no_pairs(size: int) -> None:
    found = unlabelled_pairs(np.arange(size), 10, np.random.default_rng(0))
    assert not len(found.left)
    assert [len(part.left) for part in found.split(3)] == [0, 0, 0]
