"""FewRel's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import fewrel
from relscout.io.readers.source import Source

TOKENS = ["The", "Golden", "Gate", "Bridge", "  ", "spans", "the", "bay", ";", "the", "bay", "is", "deep"]


def record(**changes: Any) -> dict[str, Any]:
    return {
        "tokens": TOKENS,
        "h": ["golden gate bridge", "Q44440", [[1, 2, 3]]],
        "t": ["bay", "Q39594", [[7], [10]]],
        **changes,
    }


def results(tmp_path: Path, content: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "bridges.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(fewrel.read(Source(path)))


def reason(tmp_path: Path, each: Any) -> str:
    (found,) = results(tmp_path, {"P177": [each]})
    assert isinstance(found, RecordError)
    assert found.place == "P177[0]"
    return found.reason


def test_the_last_index_of_a_mention_belongs_to_it(tmp_path: Path) -> None:
    (found,) = results(tmp_path, {"P177": [record()]})
    assert isinstance(found, RelationInstance)
    assert found.head_text == "Golden Gate Bridge"


def test_the_first_of_several_mentions_counts(tmp_path: Path) -> None:
    (found,) = results(tmp_path, {"P177": [record()]})
    assert isinstance(found, RelationInstance)
    assert found.tail.start == len("The Golden Gate Bridge    spans the ")


def test_relations_and_records_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = results(tmp_path, {"P177": [record(), record()], "P31": [], "P17": [record()]})
    assert [each.relation for each in found] == ["P177", "P177", "P17"]  # type: ignore[union-attr]
    assert [each.source for each in found] == [  # type: ignore[union-attr]
        "bridges.json, P177[0]",
        "bridges.json, P177[1]",
        "bridges.json, P17[0]",
    ]


def test_entity_ids_are_kept(tmp_path: Path) -> None:
    (found,) = results(tmp_path, {"P177": [record(h=["golden gate bridge", None, [[1, 2, 3]]])]})
    assert isinstance(found, RelationInstance)
    assert (found.head.entity_id, found.tail.entity_id) == (None, "Q39594")


def test_a_plain_list_has_no_relations(tmp_path: Path) -> None:
    first, second = results(tmp_path, [record(), record(h=None)])
    assert isinstance(first, RelationInstance)
    assert isinstance(second, RecordError)
    assert (first.relation, first.source, second.place) == (None, "bridges.json, record 1", "record 2")


@pytest.mark.parametrize("content", [{}, [], {"P177": []}])
def test_a_file_without_records_gives_none(tmp_path: Path, content: Any) -> None:
    assert results(tmp_path, content) == []


@pytest.mark.parametrize("indices", [[1, 2], [1, 2, 3, 4], [2, 3], [0, 1, 2, 3], [2, 3, 4]])
def test_a_span_off_by_one_from_its_name_is_an_error(tmp_path: Path, indices: list[int]) -> None:
    assert "off by one" in reason(tmp_path, record(h=["golden gate bridge", "Q44440", [indices]]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tokens": None}, "'tokens' is null; expected a list"),
        ({"tokens": []}, "non-empty list of strings"),
        ({"h": {"name": "bridge"}}, "'h' is an object; expected a list"),
        ({"h": ["golden gate bridge", "Q44440"]}, "'h' has 2 items"),
        ({"h": [None, "Q44440", [[1, 2, 3]]]}, "'h.name' is null"),
        ({"h": ["golden gate bridge", 44440, [[1, 2, 3]]]}, "'h.entity id' is a whole number"),
        ({"h": ["golden gate bridge", "Q44440", []]}, "the first mention of 'h'"),
        ({"h": ["golden gate bridge", "Q44440", [[]]]}, "the first mention of 'h'"),
        ({"h": ["golden gate bridge", "Q44440", [1, 2, 3]]}, "the first mention of 'h'"),
        ({"h": ["golden gate bridge", "Q44440", [[True, 2, 3]]]}, "the first mention of 'h'"),
        ({"h": ["golden gate bridge", "Q44440", [[1, 3]]]}, "do not follow one another"),
        ({"h": ["golden gate bridge", "Q44440", [[3, 2, 1]]]}, "do not follow one another"),
        ({"h": ["golden gate bridge", "Q44440", [[40]]]}, "does not fit the 13 tokens"),
        ({"h": ["golden gate bridge", "Q44440", [[-1]]]}, "does not fit the 13 tokens"),
    ],
)
def test_a_wrong_field_is_told_plainly(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in reason(tmp_path, record(**changes))


def test_a_relation_without_a_list_of_records_is_one_error(tmp_path: Path) -> None:
    found = results(tmp_path, {"P1": 5, "P177": [record()]})
    assert isinstance(found[0], RecordError)
    assert (found[0].place, found[0].reason) == ("P1", "expected a list of records, got a whole number")
    assert isinstance(found[1], RelationInstance)


def test_a_file_that_breaks_off_ends_in_one_error_after_its_whole_records(tmp_path: Path) -> None:
    whole = json.dumps({"P177": [record(), record(), record()]})
    found = results(tmp_path, whole[: whole.rindex('"h"')])
    assert [type(each) for each in found] == [RelationInstance, RelationInstance, RecordError]
    assert isinstance(found[2], RecordError)
    assert (found[2].place, "it was cut off" in found[2].reason) == ("P177[2]", True)


def test_a_file_that_is_no_json_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a JSON object, but the file starts with 'P177'"):
        results(tmp_path, "P177")
