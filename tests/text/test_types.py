"""One coarse set of entity types."""

from __future__ import annotations

import pytest

from relscout.text import COARSE_TYPES, NUMBER_TYPES, coarse_type


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("PERSON", "PER"),  # spaCy, TACRED
        ("PER", "PER"),  # DocRED, CoNLL
        ("Peop", "PER"),  # CoNLL04
        ("GPE", "LOC"),
        ("STATE_OR_PROVINCE", "LOC"),
        ("NORP", "GROUP"),
        ("WORK_OF_ART", "WORK"),
        ("B-ORG", "ORG"),
        ("I-LOC", "LOC"),
        ("DATE", "DATE"),
        ("CARDINAL", "NUM"),
        ("organization/company", "ORG"),
        ("Political Affiliation", "GROUP"),
        ("CHEMICAL", "MISC"),
        ("", "MISC"),
        (None, "MISC"),
    ],
)
def test_tags_of_several_schemes_have_a_coarse_type(tag: str | None, expected: str) -> None:
    assert coarse_type(tag) == expected


def test_people_come_first_and_places_and_dates_late() -> None:
    order = [COARSE_TYPES.index(kind) for kind in ("PER", "ORG", "LOC", "DATE", "NUM")]
    assert order == sorted(order)


def test_dates_are_no_mere_numbers() -> None:
    assert "DATE" not in NUMBER_TYPES
    assert {"CARDINAL", "MONEY", "TIME"} <= NUMBER_TYPES
