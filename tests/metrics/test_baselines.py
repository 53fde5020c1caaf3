from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.metrics import score, trivial_baselines

GOLD = ["author", "author", "spouse", "capital"]
TYPES = [("WORK", "PERSON"), ("WORK", "PERSON"), ("PERSON", "PERSON"), ("CITY", None)]


def test_one_cluster_recalls_everything_and_is_as_precise_as_the_classes_are_large() -> None:
    scores = trivial_baselines(GOLD)["one cluster"]

    # 2 · 2/4 + 1/4 + 1/4 over 4
    assert (scores.b3_precision, scores.b3_recall, scores.n_found) == (pytest.approx(3 / 8), 1.0, 1)


def test_singletons_are_precise_and_recall_one_of_each_class() -> None:
    scores = trivial_baselines(GOLD)["singletons"]

    # 3 classes, one instance of each over 4
    assert (scores.b3_precision, scores.b3_recall, scores.n_found) == (1.0, pytest.approx(3 / 4), 4)


def test_the_pair_of_entity_types_is_a_cluster() -> None:
    assert trivial_baselines(GOLD, type_pairs=TYPES)["entity-type pair"] == score([0, 0, 1, 2], GOLD)


def test_the_direction_of_the_pair_counts() -> None:
    pairs = [("WORK", "PERSON"), ("PERSON", "WORK")]

    assert trivial_baselines(["a", "b"], type_pairs=pairs)["entity-type pair"].n_found == 2


def test_pairs_given_as_lists_are_taken_too() -> None:
    pairs = [["WORK", "PERSON"], ["WORK", "PERSON"]]

    assert trivial_baselines(["a", "b"], type_pairs=pairs)["entity-type pair"].n_found == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("pairs", [None, [(None, None)] * 4])
def test_there_is_no_row_for_types_where_none_is_known(pairs: list[tuple[None, None]] | None) -> None:
    assert list(trivial_baselines(GOLD, type_pairs=pairs)) == ["one cluster", "singletons"]


def test_a_missing_pair_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError, match="3 entity-type pair labels stand against 4 gold labels"):
        trivial_baselines(GOLD, type_pairs=TYPES[:3])


def test_no_instances_are_refused() -> None:
    with pytest.raises(InputError, match="at least one instance"):
        trivial_baselines([])
