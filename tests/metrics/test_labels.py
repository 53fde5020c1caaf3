from __future__ import annotations

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.metrics.clustering import code, paired

ROLES = ("found", "gold")


def test_codes_point_into_the_sorted_names() -> None:
    coded = code(["spouse", "author", "spouse"], "gold")

    assert coded.codes.tolist() == [1, 0, 1]
    assert list(coded.names) == ["author", "spouse"]


@pytest.mark.parametrize(
    "labels",
    [
        [30, -1, 30],
        (30, -1, 30),
        np.array([30, -1, 30]),
        np.array([30, -1, 30], dtype=np.int8),
        np.array([30, -1, 30], dtype=object),
        [np.int64(30), np.int64(-1), np.int64(30)],
    ],
)
def test_integers_in_any_container_are_coded_alike(labels: object) -> None:
    coded = code(labels, "found")  # type: ignore[arg-type]

    assert coded.codes.tolist() == [1, 0, 1]
    assert list(coded.names) == [-1, 30]


def test_an_array_of_strings_is_coded_like_a_list_of_strings() -> None:
    assert list(code(np.array(["b", "a"]), "found").names) == ["a", "b"]


def test_labels_that_have_no_order_among_each_other_are_still_told_apart() -> None:
    coded = code([("PERSON", None), ("PERSON", "CITY"), 7, ("PERSON", None)], "found")

    assert len(coded.names) == 3
    assert coded.codes[0] == coded.codes[3]


def test_the_number_one_and_the_string_one_are_different_labels() -> None:
    assert len(code([1, "1"], "found").names) == 2


def test_different_lengths_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"3 found labels stand against 2 gold labels"):
        paired([0, 1, 2], [0, 1], roles=ROLES)


def test_no_labels_at_all_are_refused() -> None:
    with pytest.raises(InputError, match=r"0 found and 0 gold labels"):
        paired([], np.array([], dtype=int), roles=ROLES)


def test_a_missing_label_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match=r"2 of 4 gold labels are None, the first at index 1"):
        paired([0, 0, 0, 0], ["a", None, "a", None], roles=ROLES)


@pytest.mark.parametrize("labels", [np.array([0.0, np.nan]), [0.0, float("nan")], [0.0, np.float32("nan")]])
def test_nan_is_refused(labels: object) -> None:
    with pytest.raises(InputError, match="NaN"):
        code(labels, "found")  # type: ignore[arg-type]


def test_one_string_is_not_taken_for_a_list_of_characters() -> None:
    with pytest.raises(InputError, match="gold labels came as a str"):
        code("spouse", "gold")


def test_a_set_is_refused_because_it_has_no_order() -> None:
    with pytest.raises(InputError, match="found labels came as a set"):
        code({1, 2}, "found")  # type: ignore[arg-type]


def test_a_matrix_is_refused_with_its_shape() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        code(np.zeros((2, 3), dtype=int), "found")


def test_labels_that_cannot_be_dictionary_keys_are_refused() -> None:
    with pytest.raises(InputError, match="unhashable"):
        code([["a"], ["b"]], "found")


def test_objects_that_hold_an_array_are_refused_because_they_compare_by_identity() -> None:
    class Tensor:
        def __array__(self) -> np.ndarray:
            return np.zeros(())

    with pytest.raises(InputError, match="Tensor objects"):
        code([Tensor(), Tensor()], "found")
