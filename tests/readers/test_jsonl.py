"""relscout's own exchange format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import jsonl
from relscout.io.readers.source import Source
from relscout.io.writers.jsonl import write_instances

TEXT = "Ada Lovelace grew up in London."


def record(**changes: Any) -> dict[str, Any]:
    return {"text": TEXT, "head": {"start": 0, "end": 12}, "tail": {"start": 24, "end": 30}, **changes}


def results(tmp_path: Path, *records: Any) -> list[RelationInstance | RecordError]:
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in records), encoding="utf-8")
    return list(jsonl.read(Source(path)))


def instance(tmp_path: Path, each: Any) -> RelationInstance:
    (found,) = results(tmp_path, each)
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, each: Any) -> str:
    (found,) = results(tmp_path, each)
    assert isinstance(found, RecordError)
    assert found.place == "line 1"
    return found.reason


def test_character_offsets_have_an_exclusive_end(tmp_path: Path) -> None:
    found = instance(tmp_path, record())
    assert (found.head_text, found.tail_text) == ("Ada Lovelace", "London")


def test_token_spans_have_an_exclusive_end(tmp_path: Path) -> None:
    tokens = {"tokens": TEXT.split(), "head": {"start": 0, "end": 2}, "tail": {"start": 5, "end": 6}}
    found = instance(tmp_path, tokens)
    assert (found.text, found.head_text, found.tail_text) == (TEXT, "Ada Lovelace", "London.")


def test_every_optional_field_is_kept(tmp_path: Path) -> None:
    found = instance(
        tmp_path,
        record(
            head={"start": 0, "end": 12, "type": "PERSON", "entity_id": "Q7259"},
            relation="residence",
            id="a7",
            source="biographies, page 3",
        ),
    )
    assert (found.head.type, found.head.entity_id) == ("PERSON", "Q7259")
    assert (found.relation, found.id, found.source) == ("residence", "a7", "biographies, page 3")


@pytest.mark.parametrize("unknown", [None, ""])
def test_a_null_or_empty_relation_is_not_known(tmp_path: Path, unknown: str | None) -> None:
    assert instance(tmp_path, record(relation=unknown)).relation is None


def test_without_a_source_the_file_and_line_are_told(tmp_path: Path) -> None:
    assert results(tmp_path, record(), record(id="b"))[1].source == "facts.jsonl, line 2"  # type: ignore[union-attr]


def test_without_an_id_the_content_gives_one(tmp_path: Path) -> None:
    first, second = results(tmp_path, record(relation="residence"), record())
    assert isinstance(first, RelationInstance)
    assert isinstance(second, RelationInstance)
    assert first.id == second.id != ""


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    assert instance(tmp_path, record(score=0.5, head={"start": 0, "end": 12, "gender": "f"})).text == TEXT


def test_the_surface_of_a_mention_is_checked(tmp_path: Path) -> None:
    assert instance(tmp_path, record(tail={"start": 24, "end": 30, "text": "London"})).tail_text == "London"


@pytest.mark.parametrize(("start", "end"), [(24, 29), (24, 31), (23, 30), (25, 30)])
def test_a_span_off_by_one_from_its_surface_is_an_error(tmp_path: Path, start: int, end: int) -> None:
    assert "off by one" in reason(tmp_path, record(tail={"start": start, "end": end, "text": "London"}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": None}, "'text' is null; expected a string"),
        ({"text": 5}, "'text' is a whole number; expected a string"),
        ({"head": "Ada"}, "'head' is a string; expected an object"),
        ({"head": {"start": 0}}, "'head.end' is missing"),
        ({"head": {"start": False, "end": 3}}, "'head.start' is true or false; expected a whole number"),
        ({"head": {"start": 0, "end": 3.0}}, "'head.end' is a number; expected a whole number"),
        ({"head": {"start": "0", "end": 3}}, "'head.start' is a string"),
        ({"head": {"start": 0, "end": 99}}, "does not fit the text of 31 characters"),
        ({"head": {"start": -3, "end": 3}}, "does not fit the text"),
        ({"head": {"start": 0, "end": 10**400}}, "far beyond any text"),
        ({"head": {"start": 3, "end": 4}}, "covers only white space"),
        ({"tail": {"start": 0, "end": 12}}, "the same span"),
        ({"tail": {"start": 4, "end": 20}}, "cross"),
        ({"relation": 4}, "'relation' is a whole number; expected a string"),
        ({"relation": ["residence"]}, "'relation' is a list"),
        ({"id": 12}, "'id' is a whole number"),
        ({"tokens": ["Ada"]}, "both 'text' and 'tokens'"),
        ({"text": "Ada \ud83d London, where she grew up"}, "half a surrogate pair"),
    ],
)
def test_a_wrong_field_is_told_plainly(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in reason(tmp_path, record(**changes))


@pytest.mark.parametrize("missing", ["text", "head", "tail"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    each = record()
    del each[missing]
    assert f"the field '{missing}' is missing" in reason(tmp_path, each)


@pytest.mark.parametrize("tokens", [[], "Ada", ["Ada", 3], [["Ada"]], None, ["Ada", "\udc00"]])
def test_wrong_tokens_are_an_error(tmp_path: Path, tokens: Any) -> None:
    spans = {"head": {"start": 0, "end": 1}, "tail": {"start": 1, "end": 2}}
    assert "tokens" in reason(tmp_path, {"tokens": tokens, **spans})


@pytest.mark.parametrize("each", [[], [[record()]], "text", 5, None, True])
def test_a_line_that_is_no_object_is_an_error(tmp_path: Path, each: Any) -> None:
    assert "expected an object" in reason(tmp_path, each)


def test_what_follows_a_broken_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    good = json.dumps(record())
    path.write_bytes(f'{good}\n{{"text": \n'.encode() + b"\xe9\n" + f"\n{good}\n".encode())
    found = list(jsonl.read(Source(path)))
    assert [type(each) for each in found] == [RelationInstance, RecordError, RecordError, RelationInstance]
    assert [each.place for each in found if isinstance(each, RecordError)] == ["line 2", "line 3"]
    assert "0xe9) is not UTF-8" in str(found[2])
    assert found[3].source == "facts.jsonl, line 5"  # type: ignore[union-attr]


def test_the_document_and_the_place_in_it_are_kept(tmp_path: Path) -> None:
    found = instance(tmp_path, record(document="notes.txt", document_start=120))
    assert (found.document, found.document_start) == ("notes.txt", 120)
    bare = instance(tmp_path, record())
    assert (bare.document, bare.document_start) == ("", None)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [(-1, "is -1; expected an offset of 0 or more"), ("3", "is a string"), (True, "is true or false")],
)
def test_a_place_in_the_document_is_an_offset(tmp_path: Path, value: Any, complaint: str) -> None:
    assert complaint in reason(tmp_path, record(document_start=value))


def test_what_was_written_comes_back_with_its_document(tmp_path: Path) -> None:
    given = [
        instance(tmp_path, record(document="a.txt", document_start=0)),
        instance(tmp_path, record(id="other")),
    ]
    write_instances(given, tmp_path / "again.jsonl")
    assert list(jsonl.read(Source(tmp_path / "again.jsonl"))) == given
