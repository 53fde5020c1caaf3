"""DocRED's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import docred, read, recognise
from relscout.io.readers.source import Source

SENTENCES = [
    ["Lina", "Roth", "(", "born", "1911", ")", "came", "from", "Graz", "."],
    ["Roth", "'s", "bakery", "in", "Graz", "employed", "Jon", "Veit", "."],
]
ENTITIES = [
    [
        {"name": "Lina Roth", "pos": [0, 2], "sent_id": 0, "type": "PER"},
        {"name": "Roth", "pos": [0, 1], "sent_id": 1, "type": "PER"},
    ],
    [{"name": "1911", "pos": [4, 5], "sent_id": 0, "type": "TIME"}],
    [
        {"name": "Graz", "pos": [8, 9], "sent_id": 0, "type": "LOC"},
        {"name": "Graz", "pos": [4, 5], "sent_id": 1, "type": "LOC"},
    ],
    [{"name": "Jon Veit", "pos": [6, 8], "sent_id": 1, "type": "PER"}],
]
BORN = {"r": "P19", "h": 0, "t": 2, "evidence": [0]}
YEAR = {"r": "P569", "h": 0, "t": 1, "evidence": [0]}


def record(*labels: Any, **changes: Any) -> dict[str, Any]:
    whole = {"title": "Lina Roth", "vertexSet": ENTITIES, "labels": list(labels), "sents": SENTENCES}
    return {**whole, **changes}


def saved(tmp_path: Path, *records: Any) -> Path:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def results(tmp_path: Path, *records: Any, pairs: Any = "related") -> list[RelationInstance | RecordError]:
    return list(docred.read(Source(saved(tmp_path, *records), pairs=pairs)))


def facts(tmp_path: Path, *records: Any, pairs: Any = "related") -> list[tuple[str, str | None, str]]:
    found = read(saved(tmp_path, *records), pairs=pairs)
    return [(one.head_text, one.relation, one.tail_text) for one in found]


def only(tmp_path: Path, *records: Any) -> RelationInstance:
    (found,) = read(saved(tmp_path, *records))
    return found


def test_a_label_relates_the_mentions_in_its_evidence(tmp_path: Path) -> None:
    found = only(tmp_path, record(BORN))
    assert (found.head_text, found.relation, found.tail_text) == ("Lina Roth", "P19", "Graz")
    assert found.type_pair == ("PER", "LOC")
    assert found.text == "Lina Roth (born 1911) came from Graz."


def test_each_sentence_of_the_evidence_has_its_pairs(tmp_path: Path) -> None:
    assert facts(tmp_path, record({**BORN, "evidence": [1, 0]})) == [
        ("Lina Roth", "P19", "Graz"),
        ("Roth", "P19", "Graz"),
    ]


@pytest.mark.parametrize("evidence", [[], None, [1]])
def test_without_evidence_in_a_sentence_of_both_there_is_no_relation(tmp_path: Path, evidence: Any) -> None:
    assert facts(tmp_path, record({**YEAR, "evidence": evidence})) == []


def test_a_label_may_lack_its_evidence(tmp_path: Path) -> None:
    label = {"r": "P19", "h": 0, "t": 2}
    assert facts(tmp_path, record(label)) == []


def test_the_document_is_the_title_and_the_sentence_has_its_offset_there(tmp_path: Path) -> None:
    found = only(tmp_path, record({**BORN, "evidence": [1]}))
    assert (found.document, found.document_start) == (
        "Lina Roth",
        len("Lina Roth (born 1911) came from Graz. "),
    )
    assert found.text == "Roth's bakery in Graz employed Jon Veit."
    assert found.source == "dev.json, record 1, sents[1]"


def test_a_pair_with_two_relations_is_two_instances_of_one_id(tmp_path: Path) -> None:
    first, second = read(saved(tmp_path, record(BORN, {**BORN, "r": "P551"})))
    assert (first.relation, second.relation) == ("P19", "P551")
    assert first.id == second.id


def test_a_label_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    assert len(facts(tmp_path, record(BORN, BORN))) == 1


def test_all_pairs_are_each_pair_of_entities_of_a_sentence_once(tmp_path: Path) -> None:
    assert facts(tmp_path, record(BORN), pairs="all") == [
        ("Lina Roth", "P19", "Graz"),
        ("Lina Roth", "no_relation", "1911"),
        ("1911", "no_relation", "Graz"),
        ("Roth", "no_relation", "Graz"),
        ("Roth", "no_relation", "Jon Veit"),
        ("Graz", "no_relation", "Jon Veit"),
    ]


def test_a_pair_related_against_the_order_of_the_text_is_not_unrelated_as_well(tmp_path: Path) -> None:
    found = facts(tmp_path, record({**BORN, "h": 2, "t": 0}), pairs="all")
    assert ("Graz", "P19", "Lina Roth") in found
    assert ("Lina Roth", "no_relation", "Graz") not in found


def test_two_mentions_of_one_entity_are_no_pair(tmp_path: Path) -> None:
    again = [[*ENTITIES[0], {"name": "Roth", "pos": [1, 2], "sent_id": 0, "type": "PER"}]]
    assert facts(tmp_path, record(vertexSet=again), pairs="all") == []


def test_mentions_of_one_span_and_crossing_ones_are_no_pair(tmp_path: Path) -> None:
    entities = [
        [{"name": "Jon Veit", "pos": [6, 8], "sent_id": 1}],
        [{"name": "Jon Veit", "pos": [6, 8], "sent_id": 1}],
        [{"name": "employed Jon", "pos": [5, 7], "sent_id": 1}],
    ]
    labels = [{"r": "P1", "h": 0, "t": 1, "evidence": [1]}, {"r": "P1", "h": 0, "t": 2, "evidence": [1]}]
    assert facts(tmp_path, record(labels[0], vertexSet=entities[:2]), pairs="all") == []
    assert facts(tmp_path, record(*labels, vertexSet=entities)) == []


def test_a_mention_inside_another_is_a_pair(tmp_path: Path) -> None:
    entities = [
        [{"name": "Jon Veit", "pos": [6, 8], "sent_id": 1}],
        [{"name": "Veit", "pos": [7, 8], "sent_id": 1}],
    ]
    assert facts(tmp_path, record(vertexSet=entities), pairs="all") == [("Jon Veit", "no_relation", "Veit")]


def test_no_break_spaces_and_names_after_a_line_break_fit(tmp_path: Path) -> None:
    sentences = [["100", "\u00a0", "years", "of", "Graz", "."]]
    entities = [
        [{"name": "7.\n100\u00a0years", "pos": [0, 3], "sent_id": 0}],
        [{"name": "Graz", "pos": [4, 5], "sent_id": 0}],
    ]
    unrelated = facts(tmp_path, record(sents=sentences, vertexSet=entities), pairs="all")
    assert unrelated == [("100 years", "no_relation", "Graz")]


def test_relations_can_be_renamed(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text('{"P19": "place of birth"}')
    (found,) = read(saved(tmp_path, record(BORN)), relation_names=names)
    assert found.relation == "place of birth"


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ({**BORN, "h": 4}, "'h' is 4, but the document has 4 entities"),
        ({**BORN, "t": -1}, "'t' is -1"),
        ({**BORN, "t": 0}, "two different entities"),
        ({**BORN, "r": " "}, "'r' is empty"),
        ({**BORN, "r": 19}, "'r' is a whole number"),
        ({**BORN, "evidence": [2]}, "'evidence' names the sentence 2, but the document has 2"),
        ({**BORN, "evidence": ["0"]}, "'evidence' names the sentence '0'"),
        ({**BORN, "evidence": 0}, "'evidence' is a whole number"),
        ({"h": 0, "t": 1}, "'r' is missing"),
        (None, "expected an object"),
    ],
)
def test_a_wrong_label_is_an_error_of_its_own(tmp_path: Path, label: Any, what: str) -> None:
    error, good = results(tmp_path, record(label, YEAR))
    assert isinstance(error, RecordError)
    assert (error.place, what in error.reason) == ("record 1, labels[0]", True)
    assert isinstance(good, RelationInstance)


@pytest.mark.parametrize(
    ("mention", "what"),
    [
        ({"name": "Jon Veit", "pos": [5, 7], "sent_id": 1}, "the record names the mention 'Jon Veit'"),
        ({"pos": [6, 10], "sent_id": 1}, "does not fit the 9 tokens"),
        ({"pos": [6, 6], "sent_id": 1}, "0 <= start < end"),
        ({"pos": [6], "sent_id": 1}, "'pos' has 1 items"),
        ({"pos": [6, "8"], "sent_id": 1}, "a whole number was expected"),
        ({"pos": [6, 8], "sent_id": 2}, "'sent_id' is 2, but the document has 2 sentences"),
        ({"pos": [6, 8]}, "'sent_id' is missing"),
        ({"pos": [6, 8], "sent_id": 1, "type": 5}, "'type' is a whole number"),
        (None, "expected an object"),
    ],
)
def test_a_wrong_mention_is_an_error_of_its_own(tmp_path: Path, mention: Any, what: str) -> None:
    error, good = results(tmp_path, record(BORN, vertexSet=[*ENTITIES[:3], [mention]]))
    assert isinstance(error, RecordError)
    assert (error.place, what in error.reason) == ("record 1, vertexSet[3][0]", True)
    assert isinstance(good, RelationInstance)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        [],
        "x",
        {},
        record(sents=[[]]),
        record(sents=[[1]]),
        record(sents=[["\ud83d"]]),
        record(sents=None),
        record(vertexSet={}),
        record(vertexSet=[None]),
        record(labels=None),
        record(title=5),
    ],
)
def test_any_other_json_value_is_an_error_of_its_record(tmp_path: Path, wrong: Any) -> None:
    error, good = results(tmp_path, wrong, record(BORN))
    assert isinstance(error, RecordError)
    assert error.place.startswith("record 1")
    assert isinstance(good, RelationInstance)


def test_test_documents_without_labels_are_refused(tmp_path: Path) -> None:
    unjudged = record()
    del unjudged["labels"]
    (error,) = results(tmp_path, unjudged, pairs="all")
    assert "'labels' is missing" in str(error)


@pytest.mark.parametrize(
    "keys", [["title", "vertexSet", "labels", "sents"], ["sents", "title", "labels", "vertexSet"]]
)
def test_the_format_is_recognised_in_any_order_of_keys(tmp_path: Path, keys: list[str]) -> None:
    whole = record(BORN)
    path = saved(tmp_path, *[{key: whole[key] for key in keys}] * 500)
    assert recognise(Source(path)) == "docred"
