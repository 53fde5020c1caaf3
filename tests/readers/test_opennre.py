"""OpenNRE's JSON Lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import opennre
from relscout.io.readers.source import Source

TOKENS = ["The", "Elbe", "flows", "through", "the", "city", "of", "Dresden", " ", "."]


def record(**changes: Any) -> dict[str, Any]:
    return {
        "token": TOKENS,
        "h": {"name": "elbe", "id": "Q1644", "pos": [1, 2], "type": "RIVER"},
        "t": {"name": "city of dresden", "pos": [5, 8]},
        "relation": "flows through",
        **changes,
    }


def results(tmp_path: Path, *records: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "rivers.txt"
    path.write_text("\n".join(json.dumps(each) for each in records), encoding="utf-8")
    return list(opennre.read(Source(path)))


def instance(tmp_path: Path, each: Any) -> RelationInstance:
    (found,) = results(tmp_path, each)
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, each: Any) -> str:
    (found,) = results(tmp_path, each)
    assert isinstance(found, RecordError)
    return found.reason


def test_token_spans_have_an_exclusive_end(tmp_path: Path) -> None:
    found = instance(tmp_path, record())
    assert (found.head_text, found.tail_text) == ("Elbe", "city of Dresden")


def test_types_entity_ids_and_the_relation_are_kept(tmp_path: Path) -> None:
    found = instance(tmp_path, record())
    assert (found.head.type, found.head.entity_id, found.relation) == ("RIVER", "Q1644", "flows through")
    assert (found.tail.type, found.tail.entity_id) == (None, None)
    assert found.source == "rivers.txt, line 1"


def test_with_a_text_spans_count_characters(tmp_path: Path) -> None:
    text = "The Elbe flows through Dresden."
    spans = {"h": {"name": "Elbe", "pos": [4, 8]}, "t": {"name": "Dresden", "pos": [23, 30]}}
    found = instance(tmp_path, {"text": text, **spans})
    assert (found.head_text, found.tail_text, found.relation) == ("Elbe", "Dresden", None)


def test_names_may_differ_in_case_and_white_space(tmp_path: Path) -> None:
    tokens = ["In", "İzmir", "the", "U.S.", "\u00a0", "Navy", "stayed"]
    spans = {
        "h": {"name": "u.s. navy", "pos": [3, 6]},
        "t": {"name": "izmir".replace("i", "i̇", 1), "pos": [1, 2]},
    }
    assert instance(tmp_path, {"token": tokens, **spans}).head_text == "U.S. \u00a0 Navy"


@pytest.mark.parametrize("pos", [[5, 7], [5, 9], [6, 8], [4, 8], [5, 8 + 2]])
def test_a_span_off_by_one_from_its_name_is_an_error(tmp_path: Path, pos: list[int]) -> None:
    assert "off by one" in reason(tmp_path, record(t={"name": "city of dresden", "pos": pos}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token": "The Elbe"}, "'token' is a string; expected a list"),
        ({"token": ["The", None]}, "list of strings"),
        ({"h": None}, "'h' is null; expected an object"),
        ({"h": {"pos": [1, 2]}}, "'h.name' is missing"),
        ({"h": {"name": 7, "pos": [1, 2]}}, "'h.name' is a whole number; expected a string"),
        ({"h": {"name": "elbe"}}, "'h.pos' is missing"),
        ({"h": {"name": "elbe", "pos": [1]}}, "'h.pos' has 1 items"),
        ({"h": {"name": "elbe", "pos": [[1], [2]]}}, "'h.pos.start' is a list"),
        ({"h": {"name": "elbe", "pos": [True, 2]}}, "'h.pos.start' is true or false"),
        ({"h": {"name": "elbe", "pos": [1, 20]}}, "does not fit the 10 tokens"),
        ({"h": {"name": "elbe", "pos": [2, 1]}}, "does not fit the 10 tokens"),
        ({"h": {"name": "elbe", "pos": [1, 2], "type": 3}}, "'h.type' is a whole number"),
        ({"relation": {"name": "flows"}}, "'relation' is an object"),
        ({"t": {"name": "elbe", "pos": [1, 2]}}, "the same span"),
    ],
)
def test_a_wrong_field_is_told_plainly(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in reason(tmp_path, record(**changes))


@pytest.mark.parametrize("missing", ["token", "h", "t"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    each = record()
    del each[missing]
    assert f"the field '{missing}' is missing" in reason(tmp_path, each)


def test_records_and_errors_keep_the_order_of_the_file(tmp_path: Path) -> None:
    found = results(tmp_path, record(), [], record(relation=None))
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]
    assert found[1].place == "line 2"  # type: ignore[union-attr]
