"""T-REx's documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import recognise, trex
from relscout.io.readers.source import Source

TEXT = "Rain fell. Maria Telkes was born in Budapest in 1900. She built ovens."
ENTITY = "http://www.wikidata.org/entity/"


def entity(surface: str, uri: str, **changes: Any) -> dict[str, Any]:
    start = TEXT.index(surface)
    found = {
        "uri": uri,
        "boundaries": [start, start + len(surface)],
        "surfaceform": surface,
        "annotator": "linker",
    }
    return {**found, **changes}


def triple(**changes: Any) -> dict[str, Any]:
    return {
        "sentence_id": 1,
        "subject": entity("Maria Telkes", f"{ENTITY}Q449525"),
        "predicate": {
            "uri": "http://www.wikidata.org/prop/direct/P19",
            "boundaries": None,
            "surfaceform": None,
        },
        "object": entity("Budapest", f"{ENTITY}Q1781"),
        "annotator": "Simple-Aligner",
        **changes,
    }


def document(*triples: Any, **changes: Any) -> dict[str, Any]:
    sentences = [[0, 10], [11, 53], [54, len(TEXT)]]
    return {
        "docid": f"{ENTITY}Q449525",
        "title": "Maria Telkes",
        "uri": f"{ENTITY}Q449525",
        "text": TEXT,
        "sentences_boundaries": sentences,
        "words_boundaries": [],
        "entities": [],
        "triples": list(triples),
        **changes,
    }


def results(tmp_path: Path, *documents: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "re-nlg_0.json"
    path.write_text(json.dumps(documents), encoding="utf-8")
    return list(trex.read(Source(path)))


def instance(tmp_path: Path, **changes: Any) -> RelationInstance:
    (found,) = results(tmp_path, document(triple(**changes)))
    assert isinstance(found, RelationInstance)
    return found


def test_the_text_is_the_sentence_and_offsets_count_from_its_start(tmp_path: Path) -> None:
    found = instance(tmp_path)
    assert found.text == "Maria Telkes was born in Budapest in 1900."
    assert (found.head_text, found.tail_text) == ("Maria Telkes", "Budapest")


def test_identifiers_are_the_last_parts_of_the_uris(tmp_path: Path) -> None:
    found = instance(tmp_path)
    assert (found.relation, found.head.entity_id, found.tail.entity_id) == ("P19", "Q449525", "Q1781")


def test_a_literal_has_no_entity_id(tmp_path: Path) -> None:
    uri = "1900-00-00T00:00:00Z^^http://www.w3.org/2001/XMLSchema#dateTime"
    assert instance(tmp_path, object=entity("1900", uri)).tail.entity_id is None


def test_every_triple_is_an_instance_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = results(tmp_path, document(triple(), triple()), document(), document(triple()))
    assert [each.source for each in found if isinstance(each, RelationInstance)] == [
        "re-nlg_0.json, record 1, triple 1",
        "re-nlg_0.json, record 1, triple 2",
        "re-nlg_0.json, record 3, triple 1",
    ]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"subject": entity("Maria Telkes", "Q1", boundaries=None)}, "the subject has no boundaries"),
        ({"object": entity("ovens", f"{ENTITY}Q2")}, "the object at [64, 69) lies outside [11, 53)"),
        ({"object": entity("Budapest", "Q3", boundaries=[35, 43])}, "span covers ' Budapes'"),
        ({"object": entity("Budapest", "Q3", boundaries=[36])}, "the boundaries of the object"),
        ({"object": entity("Budapest", "Q3", boundaries=[36, "44"])}, "a whole number and a string"),
        ({"object": entity("Budapest", "Q3", boundaries={})}, "are an object"),
        ({"object": entity("Budapest", "Q3", surfaceform=5)}, "the record names the object 5"),
        ({"object": {"boundaries": [36, 44]}}, "'object.uri' is missing"),
        ({"object": "Budapest"}, "the field 'object' is a string"),
        ({"sentence_id": 3}, "the document has 3 sentences"),
        ({"sentence_id": -1}, "'sentence_id' is -1"),
        ({"sentence_id": None}, "the field 'sentence_id' is null"),
        ({"predicate": {"uri": "http://www.wikidata.org/prop/direct/"}}, "does not end in a relation"),
        ({"predicate": {"uri": None}}, "'predicate.uri' is null"),
    ],
)
def test_a_wrong_triple_is_an_error_of_its_own(tmp_path: Path, changes: Any, what: str) -> None:
    _, found, _ = results(tmp_path, document(triple(), triple(**changes), triple()))
    assert isinstance(found, RecordError)
    assert found.place == "record 1, triple 2"
    assert what in found.reason


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {}, {"triples": {}}, {"triples": [5]}])
def test_any_other_json_value_is_an_error_of_its_record(tmp_path: Path, wrong: Any) -> None:
    found, good = results(tmp_path, wrong, document(triple()))
    assert isinstance(found, RecordError)
    assert found.place.startswith("record 1")
    assert isinstance(good, RelationInstance)


@pytest.mark.parametrize(
    "boundaries", [[[0, 10], 5], [[0, 10], [11, 5300]], [[0, 10], [53, 11]], [[0, 10], [1.5, 9]], 5]
)
def test_wrong_sentence_boundaries_are_an_error_of_the_triple(tmp_path: Path, boundaries: Any) -> None:
    (found,) = results(tmp_path, document(triple(), sentences_boundaries=boundaries))
    assert isinstance(found, RecordError)
    assert "sentence" in found.reason


def test_the_format_is_recognised(tmp_path: Path) -> None:
    results(tmp_path, document(triple()))
    assert recognise(Source(tmp_path / "re-nlg_0.json")) == "trex"


def test_the_format_is_recognised_by_the_start_of_one_giant_line(tmp_path: Path) -> None:
    results(tmp_path, document(triple(), text="Rain fell. " * 10_000))
    assert recognise(Source(tmp_path / "re-nlg_0.json")) == "trex"
