from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.clustering.adaptive import Mapping, fully_connected
from relscout.methods.rsn.estimator import Grouping, Prototypes, grouped, large_enough
from relscout.methods.rsn.network import RSNSettings, Similarity

#: p(a, b) = σ(2 − |a − b|): at least 0.5 up to a distance of 2.
NEAR = Similarity(
    Mapping(fully_connected([(torch.eye(1), torch.zeros(1))]), 1.0), np.array([-1], dtype=np.float32), 2.0
)


def line(*places: float) -> NDArray[np.float32]:
    return np.array(places, dtype=np.float32)[:, None]


def p(distance: float) -> float:
    return float(1 / (1 + np.exp(distance - 2)))


def groups(found: Grouping) -> set[frozenset[int]]:
    return {frozenset(found.rows[found.labels == label].tolist()) for label in set(found.labels.tolist())}


def test_a_share_is_the_mean_similarity_to_the_prototypes_of_a_relation() -> None:
    prototypes = Prototypes(line(0, 1, 5), np.array([0, 2]))
    found = prototypes.shares(NEAR, line(2))
    means = np.array([(p(2) + p(1)) / 2, p(3)])
    np.testing.assert_allclose(found, [means / means.sum()], rtol=1e-6)


def test_what_is_like_nothing_has_equal_shares() -> None:
    prototypes = Prototypes(line(0, 1), np.array([0, 1]))
    np.testing.assert_allclose(prototypes.shares(NEAR, line(1e6)), [[0.5, 0.5]])


def test_many_codes_have_the_shares_that_each_has_alone() -> None:
    codes = np.random.default_rng(0).normal(size=(2100, 1)).astype(np.float32)
    prototypes = Prototypes(line(-1, 0, 1), np.array([0, 2]))
    together = prototypes.shares(NEAR, codes)
    for place in (0, 1023, 1024, 2099):
        np.testing.assert_allclose(prototypes.shares(NEAR, codes[[place]])[0], together[place], rtol=1e-6)


def test_no_codes_have_no_shares() -> None:
    assert Prototypes(line(0, 1), np.array([0, 1])).shares(NEAR, line()[:0]).shape == (0, 2)


def test_few_members_are_all_prototypes_and_of_many_some_are_drawn() -> None:
    codes, labels = line(*range(50)), np.array([1] * 46 + [0] * 4)
    found = Prototypes.drawn(codes, labels, most=10, seed=0)
    assert found.codes[: found.starts[1], 0].tolist() == [46, 47, 48, 49]
    drawn = found.codes[found.starts[1] :, 0]
    assert len(set(drawn.tolist())) == 10
    assert drawn.max() < 46
    again, other = (Prototypes.drawn(codes, labels, most=10, seed=seed) for seed in (0, 1))
    assert again.codes.tobytes() == found.codes.tobytes() != other.codes.tobytes()


def test_some_relations_keep_their_prototypes_in_another_order() -> None:
    prototypes = Prototypes(line(0, 1, 5, 8, 9), np.array([0, 2, 3]))
    found = prototypes.only(np.array([2, 0]))
    assert (found.codes[:, 0].tolist(), found.starts.tolist()) == ([8, 9, 0, 1], [0, 2])
    whole, part = (one.shares(NEAR, line(3, 7)) for one in (prototypes, found))
    np.testing.assert_allclose(part[:, 0] / part[:, 1], whole[:, 2] / whole[:, 0], rtol=1e-5)


def test_arrays_build_the_same_prototypes() -> None:
    prototypes = Prototypes(line(0, 1, 5), np.array([0, 2]))
    again = Prototypes.from_arrays(prototypes.arrays())
    np.testing.assert_array_equal(again.shares(NEAR, line(2)), prototypes.shares(NEAR, line(2)))


def test_a_given_number_of_relations_is_made_by_merging_the_most_alike() -> None:
    codes = line(0, 10, 0.5, 20, 10.5, 30)
    found = grouped(NEAR, codes, 4, settings=RSNSettings(), seed=0)
    assert groups(found) == {frozenset({0, 2}), frozenset({1, 4}), frozenset({3}), frozenset({5})}
    assert found.as_dict() == {"clustering": "hac"}
    assert found.warnings(6) == []


def test_complete_linkage_looks_at_the_least_alike_members() -> None:
    # 0, 1.9, 3.7: on average {0, 1.9} and 3.7 are nearer than {0, 1.9} and −2.5; their farthest members are not
    codes = line(0, 1.0, 3.6, -2.9)
    by_linkage = {
        linkage: groups(grouped(NEAR, codes, 2, settings=RSNSettings(linkage=linkage), seed=0))
        for linkage in ("average", "complete")
    }
    apart = {other: [1 - p(abs(c - float(codes[other, 0]))) for c in (0.0, 1.0)] for other in (2, 3)}
    nearest = {
        linkage: min(apart, key=lambda one: fold(apart[one]))
        for linkage, fold in (("average", sum), ("complete", max))
    }
    for linkage, other in nearest.items():
        assert frozenset({0, 1, other}) in by_linkage[linkage]


def test_without_a_number_louvain_tells_it() -> None:
    codes = line(0, 10, 0.5, 20, 10.5, 1, 20.5)
    found = grouped(NEAR, codes, None, settings=RSNSettings(smallest_community=2), seed=0)
    assert groups(found) == {frozenset({0, 2, 5}), frozenset({1, 4}), frozenset({3, 6})}
    # of 21 pairs, 3 + 1 + 1 are nearer than 2
    assert found.as_dict() == {"clustering": "louvain", "communities": 3, "joined": round(5 / 21, 6)}


def test_a_higher_threshold_joins_fewer() -> None:
    codes = line(0, 0.5, 1.8, 2.3)
    low, high = (
        grouped(NEAR, codes, None, settings=RSNSettings(threshold=threshold, smallest_community=1), seed=0)
        for threshold in (0.3, 0.8)
    )
    assert groups(low) == {frozenset({0, 1, 2, 3})}
    assert groups(high) == {frozenset({0, 1}), frozenset({2, 3})}


def test_small_communities_are_no_relations() -> None:
    codes = line(0, 0.5, 1, 10, 20)
    found = grouped(NEAR, codes, None, settings=RSNSettings(smallest_community=3), seed=0)
    assert (found.rows.tolist(), found.labels.tolist()) == ([0, 1, 2], [0, 0, 0])
    assert found.as_dict()["communities"] == 3
    assert found.warnings(5) == []


def test_communities_merge_into_a_given_number() -> None:
    # communities at 0, 4 and 20; the first two are the most alike
    codes = line(0, 0.5, 20, 4, 4.5, 20.5)
    settings = RSNSettings(clustering="louvain", smallest_community=2)
    found = grouped(NEAR, codes, 2, settings=settings, seed=0)
    assert groups(found) == {frozenset({0, 1, 3, 4}), frozenset({2, 5})}
    assert found.as_dict()["communities"] == 3


def test_communities_stay_whole_when_others_merge() -> None:
    # a chain is one community although its ends are as far apart as they are from the next one
    chain = [0, 1.5, 3.0, 4.5]
    settings = RSNSettings(clustering="louvain", smallest_community=1)
    codes = line(*chain, 9, 9.2, 30)
    before = groups(grouped(NEAR, codes, None, settings=settings, seed=0))
    after = groups(grouped(NEAR, codes, 2, settings=settings, seed=0))
    assert len(after) == 2
    assert all(any(small <= large for large in after) for small in before)


def test_fewer_communities_than_were_asked_for_stay_as_they_are() -> None:
    settings = RSNSettings(clustering="louvain", smallest_community=1)
    assert len(groups(grouped(NEAR, line(0, 0.5, 10), 3, settings=settings, seed=0))) == 2


def test_small_communities_count_where_a_number_is_given() -> None:
    settings = RSNSettings(clustering="louvain", smallest_community=3)
    found = grouped(NEAR, line(0, 0.5, 1, 10, 10.5, 20), 2, settings=settings, seed=0)
    assert groups(found) == {frozenset({0, 1, 2}), frozenset({3, 4})}


@pytest.mark.parametrize(("n_clusters", "setting"), [(2, "max_instances"), (None, "max_joined")])
def test_of_many_instances_a_sample_is_clustered(n_clusters: int | None, setting: str) -> None:
    codes = line(*range(10), *range(100, 110))
    settings = RSNSettings(max_instances=8, max_joined=8, smallest_community=1)
    found = grouped(NEAR, codes, n_clusters, settings=settings, seed=0)
    assert len(found.rows) == 8
    assert found.warnings(20) == [
        "8 of 20 different instances were clustered, drawn at random; the others got the relation that they are most "
        f"like (setting {setting})"
    ]
    other = grouped(NEAR, codes, n_clusters, settings=settings, seed=1)
    assert found.rows.tolist() != other.rows.tolist()


@pytest.mark.parametrize(
    ("sizes", "smallest", "at_least", "kept"),
    [
        ([3, 2, 1], 2, None, [0, 1]),
        ([2, 2, 1], 3, None, [0, 1, 2]),
        ([3, 2, 1], 3, 2, [0, 1]),
        ([1, 3, 2], 3, 1, [1]),
        ([1, 1], 1, 5, [0, 1]),
    ],
)
def test_what_is_large_enough(sizes: list[int], smallest: int, at_least: int | None, kept: list[int]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    found = large_enough(labels, smallest, at_least=at_least)
    np.testing.assert_array_equal(found, np.flatnonzero(np.isin(labels, kept)))
