"""SpERT's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import recognise, spert
from relscout.io.readers.source import Source

TOKENS = ["The", "bakery", "of", "Lina", "Roth", "stands", "in", "Graz", "."]
ENTITIES = [{"type": "Peop", "start": 3, "end": 5}, {"type": "Loc", "start": 7, "end": 8}]
LIVES_IN = {"type": "Live_In", "head": 0, "tail": 1}


def record(*relations: Any, **changes: Any) -> dict[str, Any]:
    return {"tokens": TOKENS, "entities": ENTITIES, "relations": list(relations), "orig_id": 3, **changes}


def results(tmp_path: Path, *records: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "conll04_dev.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return list(spert.read(Source(path)))


def reason(tmp_path: Path, each: Any) -> str:
    found, good = results(tmp_path, each, record(LIVES_IN))
    assert isinstance(found, RecordError)
    assert found.place.startswith("record 1")
    assert isinstance(good, RelationInstance)
    return found.reason


def test_the_end_of_an_entity_does_not_belong_to_it(tmp_path: Path) -> None:
    (found,) = results(tmp_path, record(LIVES_IN))
    assert isinstance(found, RelationInstance)
    assert (found.head_text, found.tail_text, found.relation) == ("Lina Roth", "Graz", "Live_In")
    assert found.type_pair == ("Peop", "Loc")


def test_the_text_is_the_tokens_with_single_blanks(tmp_path: Path) -> None:
    (found,) = results(tmp_path, record(LIVES_IN))
    assert isinstance(found, RelationInstance)
    assert found.text == "The bakery of Lina Roth stands in Graz ."


def test_every_relation_is_an_instance_in_the_order_of_the_file(tmp_path: Path) -> None:
    back = {"type": "Home_Of", "head": 1, "tail": 0}
    found = results(tmp_path, record(LIVES_IN, back), record(), record(back))
    assert [(each.source, each.relation) for each in found if isinstance(each, RelationInstance)] == [
        ("conll04_dev.json, record 1, relation 1", "Live_In"),
        ("conll04_dev.json, record 1, relation 2", "Home_Of"),
        ("conll04_dev.json, record 3, relation 1", "Home_Of"),
    ]


@pytest.mark.parametrize(
    ("relation", "what"),
    [
        ({**LIVES_IN, "head": 2}, "the record has 2 entities"),
        ({**LIVES_IN, "head": -1}, "'head' is -1"),
        ({**LIVES_IN, "tail": 0}, "the same span"),
        ({**LIVES_IN, "tail": True}, "the field 'tail' is true or false"),
        ({**LIVES_IN, "type": " "}, "'type' is empty"),
        ({"head": 0, "tail": 1}, "'type' is missing"),
        (None, "expected an object"),
    ],
)
def test_a_wrong_relation_is_an_error_of_its_own(tmp_path: Path, relation: Any, what: str) -> None:
    assert what in reason(tmp_path, record(relation))


@pytest.mark.parametrize(
    ("entity", "what"),
    [
        ({"type": "Loc", "start": 7, "end": 10}, "does not fit the 9 tokens"),
        ({"type": "Loc", "start": 7, "end": 7}, "0 <= start < end"),
        ({"type": "Loc", "start": "7", "end": 8}, "'tail.start' is a string"),
        ({"type": 5, "start": 7, "end": 8}, "'tail.type' is a whole number"),
        ({"start": 7, "end": 8}, "'tail.type' is missing"),
        (None, "expected"),
    ],
)
def test_a_wrong_entity_is_an_error_of_the_relation(tmp_path: Path, entity: Any, what: str) -> None:
    assert what in reason(tmp_path, record(LIVES_IN, entities=[ENTITIES[0], entity]))


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        [],
        "x",
        {},
        record(tokens=[]),
        record(tokens=[1]),
        record(entities=None),
        record(relations={}),
    ],
)
def test_any_other_json_value_is_an_error_of_its_record(tmp_path: Path, wrong: Any) -> None:
    assert reason(tmp_path, wrong)


def test_the_format_is_recognised(tmp_path: Path) -> None:
    results(tmp_path, record(LIVES_IN))
    assert recognise(Source(tmp_path / "conll04_dev.json")) == "spert"


def test_the_format_is_recognised_by_the_start_of_one_giant_line(tmp_path: Path) -> None:
    results(tmp_path, *[record(LIVES_IN)] * 1000)
    assert recognise(Source(tmp_path / "conll04_dev.json")) == "spert"


def all_pairs(tmp_path: Path, *records: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "conll04_dev.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return list(spert.read(Source(path, pairs="all")))


THREE = [*ENTITIES, {"type": "Org", "start": 1, "end": 2}]


def test_all_pairs_are_those_of_the_sentence_each_once(tmp_path: Path) -> None:
    found = all_pairs(tmp_path, record({**LIVES_IN, "head": 1, "tail": 0}, entities=THREE))
    assert [
        (one.head_text, one.relation, one.tail_text) for one in found if isinstance(one, RelationInstance)
    ] == [
        ("Graz", "Live_In", "Lina Roth"),
        ("bakery", "no_relation", "Lina Roth"),
        ("bakery", "no_relation", "Graz"),
    ]


def test_an_unrelated_pair_names_its_entities_as_its_source(tmp_path: Path) -> None:
    (found,) = all_pairs(tmp_path, record())
    assert isinstance(found, RelationInstance)
    assert (found.source, found.is_unrelated) == ("conll04_dev.json, record 1, entities 1 and 2", True)


def test_a_pair_with_several_relations_is_one_instance_for_each(tmp_path: Path) -> None:
    found = all_pairs(tmp_path, record(LIVES_IN, {**LIVES_IN, "type": "Born_In"}))
    assert [one.relation for one in found if isinstance(one, RelationInstance)] == ["Live_In", "Born_In"]


def test_a_pair_whose_relation_is_wrong_does_not_count_as_unrelated(tmp_path: Path) -> None:
    (error,) = all_pairs(tmp_path, record({**LIVES_IN, "type": ""}))
    assert isinstance(error, RecordError)


def test_among_all_pairs_a_wrong_entity_is_an_error_of_its_own(tmp_path: Path) -> None:
    error, found = all_pairs(tmp_path, record(entities=[{"type": "Loc", "start": 7, "end": 70}, *ENTITIES]))
    assert isinstance(error, RecordError)
    assert error.place == "record 1, entity 1"
    assert isinstance(found, RelationInstance)


def test_two_entities_of_one_span_are_no_pair(tmp_path: Path) -> None:
    assert all_pairs(tmp_path, record(entities=[ENTITIES[0], {**ENTITIES[0], "type": "Org"}])) == []
