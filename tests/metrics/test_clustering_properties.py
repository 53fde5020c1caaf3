from __future__ import annotations

import random
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from relscout.metrics import ClusteringScores, majority_mapped, score

Pairs = list[tuple[int, int]]
# (found, gold) of every instance; few labels, so that clusters and classes do overlap
clusterings = st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 6)), min_size=1, max_size=40)
# the first call imports scipy, which takes longer than the usual deadline


def scored(pairs: Pairs) -> ClusteringScores:
    return score([found for found, _ in pairs], [gold for _, gold in pairs])


def b_cubed_by_sets(pairs: Pairs) -> tuple[float, float]:
    """Precision and recall as they are defined: per instance, over the sets it belongs to."""
    precision = recall = 0.0
    for found, gold in pairs:
        cluster = {index for index, pair in enumerate(pairs) if pair[0] == found}
        category = {index for index, pair in enumerate(pairs) if pair[1] == gold}
        precision += len(cluster & category) / len(cluster)
        recall += len(cluster & category) / len(category)
    return precision / len(pairs), recall / len(pairs)


@given(clusterings)
def test_b_cubed_equals_its_definition_by_sets(pairs: Pairs) -> None:
    scores = scored(pairs)

    assert (scores.b3_precision, scores.b3_recall) == pytest.approx(b_cubed_by_sets(pairs), abs=1e-12)


@given(clusterings)
def test_the_other_scores_equal_those_of_scikit_learn(pairs: Pairs) -> None:
    found, gold = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = scored(pairs)

    expected = (
        *sklearn_metrics.homogeneity_completeness_v_measure(gold, found),
        sklearn_metrics.adjusted_rand_score(gold, found),
        sklearn_metrics.normalized_mutual_info_score(gold, found),
    )
    got = (scores.homogeneity, scores.completeness, scores.v_measure, scores.ari, scores.nmi)
    assert got == pytest.approx(expected, abs=1e-12, rel=0)


@given(clusterings, st.randoms(use_true_random=False))
def test_the_order_of_the_instances_changes_no_bit(pairs: Pairs, shuffler: random.Random) -> None:
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)

    assert scored(shuffled) == scored(pairs)


@given(clusterings, st.permutations(range(-1, 7)))
def test_the_names_of_the_labels_change_no_bit(pairs: Pairs, names: list[int]) -> None:
    renamed = [(f"cluster {names[found]}", ("relation", names[gold])) for found, gold in pairs]

    assert scored(renamed) == scored(pairs)  # type: ignore[arg-type]


@given(clusterings)
def test_exchanging_clusters_and_classes_exchanges_precision_and_recall(pairs: Pairs) -> None:
    forward = scored(pairs)
    backward = scored([(gold, found) for found, gold in pairs])

    assert (forward.b3_precision, forward.homogeneity) == (backward.b3_recall, backward.completeness)
    assert (forward.ari, forward.accuracy) == (backward.ari, backward.accuracy)


@given(clusterings)
def test_every_score_is_between_its_bounds(pairs: Pairs) -> None:
    figures = {name: value for name, value in asdict(scored(pairs)).items() if isinstance(value, float)}

    assert -0.5 <= figures.pop("ari") <= 1.0
    assert len(figures) == 8
    assert all(0.0 <= value <= 1.0 for value in figures.values())


@given(clusterings)
def test_clusters_that_are_the_classes_score_one_everywhere(pairs: Pairs) -> None:
    scores = scored([(gold, gold) for _, gold in pairs])

    assert {value for value in asdict(scores).values() if isinstance(value, float)} == {1.0}


@given(clusterings)
def test_one_cluster_recalls_everything(pairs: Pairs) -> None:
    scores = scored([(0, gold) for _, gold in pairs])

    assert (scores.b3_recall, scores.completeness, scores.n_found) == (1.0, 1.0, 1)


@given(clusterings)
def test_singletons_are_precise(pairs: Pairs) -> None:
    scores = scored([(index, gold) for index, (_, gold) in enumerate(pairs)])

    assert (scores.b3_precision, scores.homogeneity, scores.n_found) == (1.0, 1.0, len(pairs))


@given(clusterings)
def test_majority_mapping_never_lowers_recall(pairs: Pairs) -> None:
    mapped = majority_mapped([found for found, _ in pairs], [gold for _, gold in pairs])

    assert mapped.b3_recall >= scored(pairs).b3_recall - 1e-12


@given(clusterings)
def test_majority_mapping_scores_the_mapped_labels(pairs: Pairs) -> None:
    gold = [pair[1] for pair in pairs]
    by_cluster: dict[int, list[int]] = {}
    for found, relation in pairs:
        by_cluster.setdefault(found, []).append(relation)
    majority = {
        found: min(relations, key=lambda each: (-relations.count(each), -gold.count(each), each))
        for found, relations in by_cluster.items()
    }

    expected = asdict(score([majority[found] for found, _ in pairs], gold)) | {"protocol": "majority mapped"}
    assert asdict(majority_mapped([found for found, _ in pairs], gold)) == expected
