"""spaCy's DocBin files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import docbin, recognise
from relscout.io.readers.source import Source

WORDS = ["Dara", "Lund", "mends", "clocks", ".", "Her", "shop", "is", "in", "Bergen", ",", "Norway", "."]


@pytest.fixture(autouse=True)
def rel_extension() -> Iterator[None]:
    Doc.set_extension("rel", default={}, force=True)  # an example of the documentation sets it, too
    yield
    Doc.remove_extension("rel")


def doc(rel: Any = None, *, sentences: bool = False) -> Doc:
    vocab = spacy.blank("xx").vocab
    starts = [index in (0, 5) for index in range(len(WORDS))] if sentences else None
    made = Doc(vocab, words=WORDS, spaces=[word != "shop" for word in WORDS], sent_starts=starts)  # type: ignore[arg-type]
    made.ents = (
        Span(made, 0, 2, "PERSON", kb_id="Q1"),
        Span(made, 9, 10, "CITY", kb_id="NIL"),
        Span(made, 11, 12, "COUNTRY"),
    )
    if rel is not None:
        made._.rel = rel
    return made


def write(folder: Path, *docs: Doc, user_data: bool = True) -> Path:
    path = folder / "train.spacy"
    DocBin(docs=docs, store_user_data=user_data).to_disk(path)
    return path


def results(path: Path) -> list[RelationInstance | RecordError]:
    return list(docbin.read(Source(path)))


def instance(folder: Path, made: Doc) -> RelationInstance:
    (found,) = results(write(folder, made))
    assert isinstance(found, RelationInstance)
    return found


def test_a_pair_is_named_by_the_first_tokens_of_head_and_tail(tmp_path: Path) -> None:
    found = instance(tmp_path, doc({(9, 0): {"HOME_OF": 1.0}}))
    assert (found.head_text, found.tail_text, found.relation) == ("Bergen", "Dara Lund", "HOME_OF")


def test_types_and_identifiers_of_the_entities_are_kept(tmp_path: Path) -> None:
    found = instance(tmp_path, doc({(0, 9): {"LIVES_IN": 1.0}}))
    assert found.type_pair == ("PERSON", "CITY")
    assert (found.head.entity_id, found.tail.entity_id) == ("Q1", None)


def test_the_label_with_the_highest_score_is_the_relation(tmp_path: Path) -> None:
    assert (
        instance(tmp_path, doc({(0, 9): {"BORN_IN": 0.6, "LIVES_IN": 0.7, "OWNS": 0.1}})).relation
        == "LIVES_IN"
    )


@pytest.mark.parametrize("scores", [{"LIVES_IN": 0.49, "OWNS": 0.0}, {}])
def test_a_listed_pair_without_a_high_score_has_no_relation(tmp_path: Path, scores: dict[str, float]) -> None:
    assert instance(tmp_path, doc({(0, 9): scores})).relation == "no_relation"


def test_an_entity_paired_with_itself_without_a_relation_is_passed_over(tmp_path: Path) -> None:
    assert instance(tmp_path, doc({(0, 0): {"OWNS": 0.0}, (9, 11): {"PART_OF": 1.0}})).head_text == "Bergen"


def test_the_text_is_the_document_where_it_has_no_sentences(tmp_path: Path) -> None:
    found = instance(tmp_path, doc({(9, 11): {"PART_OF": 1.0}}))
    assert found.text.startswith("Dara Lund mends")


def test_the_text_is_the_sentence_that_holds_both_entities(tmp_path: Path) -> None:
    found = instance(tmp_path, doc({(9, 11): {"PART_OF": 1.0}}, sentences=True))
    assert found.text == "Her shopis in Bergen , Norway ."
    assert (found.head_text, found.tail_text) == ("Bergen", "Norway")


@pytest.mark.parametrize("pair", [(0, 9), (9, 0)])
def test_the_text_is_the_document_where_no_sentence_holds_both(tmp_path: Path, pair: tuple[int, int]) -> None:
    found = instance(tmp_path, doc({pair: {"LIVES_IN": 1.0}}, sentences=True))
    assert found.text.startswith("Dara Lund mends")
    assert {found.head_text, found.tail_text} == {"Dara Lund", "Bergen"}


def test_a_document_without_relations_is_an_error_that_says_what_is_expected(tmp_path: Path) -> None:
    (found,) = results(write(tmp_path, doc({(0, 9): {"LIVES_IN": 1.0}}), user_data=False))
    assert isinstance(found, RecordError)
    assert "train.spacy, document 1: the document has no doc._.rel" in str(found)
    assert "store_user_data=True" in str(found)


def test_a_document_with_an_empty_table_has_no_instance(tmp_path: Path) -> None:
    assert results(write(tmp_path, doc({}))) == []


@pytest.mark.parametrize(
    ("rel", "what"),
    [
        ({(0, 10): {"OWNS": 1.0}}, "no entity starts at token 10, where the tail"),
        ({(1, 9): {"OWNS": 1.0}}, "no entity starts at token 1, where the head"),
        ({(0, 0): {"OWNS": 1.0}}, "the same span"),
        ({(0, 9, 11): {"OWNS": 1.0}}, "expected a pair"),
        ({"0-9": {"OWNS": 1.0}}, "expected a pair"),
        ({(0, 9): "OWNS"}, "expected {label: score}"),
        ({(0, 9): {"OWNS": "yes"}}, "expected {label: score}"),
        ({(0, 9): {5: 1.0}}, "expected {label: score}"),
        ({(0, 9): {"OWNS": float("nan")}}, "expected {label: score}"),
        ({(0, 9): {"OWNS": 1.0, "RENTS": 1.0}}, "OWNS and RENTS have the same score"),
    ],
)
def test_a_wrong_pair_is_an_error_of_its_own(tmp_path: Path, rel: Any, what: str) -> None:
    found, good = results(write(tmp_path, doc(rel), doc({(0, 9): {"LIVES_IN": 1.0}})))
    assert isinstance(found, RecordError)
    assert found.place.startswith("document 1, pair ")
    assert what in found.reason
    assert isinstance(good, RelationInstance)


@pytest.mark.parametrize(
    "content", [b"x\x9cnot packed", zlib.compress(b"\x80"), zlib.compress(b"\xa5attrs"), b""]
)
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.spacy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train\.spacy: not a readable spaCy DocBin"):
        results(path)


def test_the_format_is_recognised(tmp_path: Path) -> None:
    assert recognise(Source(write(tmp_path, doc({})))) == "docbin"


def test_other_packed_content_is_not_taken_for_a_docbin(tmp_path: Path) -> None:
    path = tmp_path / "other.z"
    path.write_bytes(zlib.compress(b"some other content"))
    assert not docbin.sniff(Source(path))
