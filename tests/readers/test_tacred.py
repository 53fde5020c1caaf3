"""TACRED's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import tacred
from relscout.io.readers.source import Source


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "a1",
        "docid": "news_17",
        "relation": "per:employee_of",
        "token": ["Maria", "Keller", "joined", "Nordic", "Steel", "Works", "in", "May", "."],
        "subj_start": 0,
        "subj_end": 1,
        "obj_start": 3,
        "obj_end": 5,
        "subj_type": "PERSON",
        "obj_type": "ORGANIZATION",
        "stanford_pos": ["NNP"] * 9,
        **changes,
    }


def results(tmp_path: Path, content: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "train.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(tacred.read(Source(path)))


def instance(tmp_path: Path, each: Any) -> RelationInstance:
    (found,) = results(tmp_path, [each])
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, each: Any) -> str:
    (found,) = results(tmp_path, [each])
    assert isinstance(found, RecordError)
    assert found.place == "record 1"
    return found.reason


def test_span_ends_are_inclusive(tmp_path: Path) -> None:
    found = instance(tmp_path, record())
    assert (found.head_text, found.tail_text) == ("Maria Keller", "Nordic Steel Works")


def test_the_object_may_stand_before_the_subject(tmp_path: Path) -> None:
    found = instance(tmp_path, record(subj_start=3, subj_end=5, obj_start=0, obj_end=1))
    assert (found.head_text, found.tail_text) == ("Nordic Steel Works", "Maria Keller")


def test_id_relation_and_types_are_kept(tmp_path: Path) -> None:
    found = instance(tmp_path, record())
    assert (found.id, found.relation) == ("a1", "per:employee_of")
    assert found.type_pair == ("PERSON", "ORGANIZATION")


def test_no_relation_stays_a_gold_relation(tmp_path: Path) -> None:
    assert instance(tmp_path, record(relation="no_relation")).relation == "no_relation"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token": "Maria"}, "'token' is a string; expected a list"),
        ({"subj_start": None}, "'subj_start' is null; expected a whole number"),
        ({"subj_end": True}, "'subj_end' is true or false"),
        ({"obj_end": 5.0}, "'obj_end' is a number; expected a whole number"),
        ({"obj_end": 9}, "tail token span [3, 10) does not fit the 9 tokens"),
        ({"obj_start": -1}, "does not fit the 9 tokens"),
        ({"obj_start": 6, "obj_end": 5}, "does not fit the 9 tokens"),
        ({"obj_end": 10**300}, "far beyond any text"),
        ({"subj_type": ["PERSON"]}, "'subj_type' is a list"),
        ({"id": 61}, "'id' is a whole number"),
        ({"obj_start": 1}, "cross"),
    ],
)
def test_a_wrong_field_is_told_plainly(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in reason(tmp_path, record(**changes))


@pytest.mark.parametrize("missing", ["token", "subj_start", "subj_end", "obj_start", "obj_end"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    each = record()
    del each[missing]
    assert f"the field '{missing}' is missing" in reason(tmp_path, each)


def test_what_follows_a_wrong_record_is_read(tmp_path: Path) -> None:
    found = results(tmp_path, [record(), 7, record(id="b")])
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]
    assert found[2].source == "train.json, record 3"  # type: ignore[union-attr]


def test_an_empty_list_gives_nothing(tmp_path: Path) -> None:
    assert results(tmp_path, []) == []


def test_an_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a JSON list"):
        results(tmp_path, {"item": [record()]})
