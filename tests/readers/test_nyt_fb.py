"""NYT+FB's two lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import nyt_fb, recognise
from relscout.io.readers.source import Source

MAYOR = "<e1:PERSON> Ana Sousa </e1:PERSON> leads <e2:LOCATION> Porto </e2:LOCATION> ."


def results(
    tmp_path: Path, sentences: Any, labels: Any = None, *, beside: bool = True
) -> list[RelationInstance | RecordError]:
    path = tmp_path / "news_sentence.json"
    path.write_text(json.dumps(sentences), encoding="utf-8")
    labels_path = tmp_path / ("news_label_id.json" if beside else "numbers.json")
    if labels is not None:
        labels_path.write_text(json.dumps(labels), encoding="utf-8")
    return list(nyt_fb.read(Source(path, None if beside else labels_path)))


def instance(tmp_path: Path, sentence: str) -> RelationInstance:
    (found,) = results(tmp_path, [sentence])
    assert isinstance(found, RelationInstance)
    return found


def relations(found: list[RelationInstance | RecordError]) -> list[str | None]:
    return [each.relation for each in found if isinstance(each, RelationInstance)]


def test_e1_is_the_head_and_e2_the_tail_with_their_types(tmp_path: Path) -> None:
    found = instance(tmp_path, MAYOR)
    assert (found.head_text, found.tail_text) == ("Ana Sousa", "Porto")
    assert found.type_pair == ("PERSON", "LOCATION")


def test_markers_leave_the_text_with_the_blanks_that_belong_to_them(tmp_path: Path) -> None:
    assert instance(tmp_path, MAYOR).text == "Ana Sousa leads Porto ."


def test_a_word_around_a_marked_part_grows_together_again(tmp_path: Path) -> None:
    found = instance(tmp_path, "<e2:PERSON> Kim </e2:PERSON> met <e1:LOCATION> India </e1:LOCATION>n envoys")
    assert found.text == "Kim met Indian envoys"
    assert found.head_text == "India"


def test_the_first_mention_counts_and_all_markers_go(tmp_path: Path) -> None:
    again = " <e1:PERSON> Ana Sousa </e1:PERSON> was born in <e2:LOCATION> Porto </e2:LOCATION> ."
    found = instance(tmp_path, MAYOR + again)
    assert found.text == "Ana Sousa leads Porto . Ana Sousa was born in Porto ."
    assert (found.head.start, found.tail.start) == (0, len("Ana Sousa leads "))


def test_one_entity_may_lie_inside_the_other(tmp_path: Path) -> None:
    found = instance(tmp_path, "the <e1:ORG> <e2:LOC> Porto </e2:LOC> Opera </e1:ORG> .")
    assert (found.head_text, found.tail_text, found.text) == ("Porto Opera", "Porto", "the Porto Opera .")


def test_the_outer_of_two_nested_mentions_of_one_entity_is_the_first(tmp_path: Path) -> None:
    found = instance(
        tmp_path, "<e1:PER> Ana <e1:PER> Sousa </e1:PER> </e1:PER> leads <e2:LOC> Porto </e2:LOC>"
    )
    assert (found.head_text, found.text) == ("Ana Sousa", "Ana Sousa leads Porto")


def test_labels_come_from_the_file_beside_the_sentences(tmp_path: Path) -> None:
    assert relations(results(tmp_path, [MAYOR, MAYOR], [4, 12])) == ["4", "12"]


def test_labels_come_from_the_file_that_is_named(tmp_path: Path) -> None:
    assert relations(results(tmp_path, [MAYOR, MAYOR], [4, 12], beside=False)) == ["4", "12"]


def test_without_labels_the_relations_are_not_known(tmp_path: Path) -> None:
    assert relations(results(tmp_path, [MAYOR])) == [None]


def test_labels_stay_with_their_sentences_around_a_wrong_one(tmp_path: Path) -> None:
    found = results(tmp_path, [MAYOR, "nothing marked", MAYOR], [4, 7, 12])
    assert relations(found) == ["4", "12"]
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]


@pytest.mark.parametrize("labels", [[4], [4, 12, 7]])
def test_lists_of_unequal_length_cannot_be_used(tmp_path: Path, labels: list[int]) -> None:
    with pytest.raises(InputError, match="expected one label per sentence"):
        results(tmp_path, [MAYOR, MAYOR], labels)


def test_a_labels_file_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "news_sentence.json"
    path.write_text(json.dumps([MAYOR]), encoding="utf-8")
    with pytest.raises(InputError, match=r"nowhere\.json: No such file"):
        list(nyt_fb.read(Source(path, tmp_path / "nowhere.json")))


@pytest.mark.parametrize(
    ("sentence", "what"),
    [
        ("<e1:LOC> Ford </e1:LOC> and <e1:LOC> Ford </e1:LOC> .", "has no tail"),
        ("<e2:LOC> Ford </e2:LOC> .", "has no head"),
        ("<e1:LOC> Ford and <e2:LOC> Ohio </e2:LOC> .", "<e1:LOC> is not closed"),
        ("Ford </e1:LOC> and <e2:LOC> Ohio </e2:LOC> .", "</e1:LOC> closes what was not opened"),
        ("<e1:LOC> </e1:LOC> and <e2:LOC> Ohio </e2:LOC> .", "head span"),
        ("<e1:LOC> <e2:LOC> Ohio </e2:LOC> </e1:LOC> .", "the same span"),
        ("<e1:LOC> a <e2:LOC> b </e1:LOC> c </e2:LOC> .", "cross"),
        (None, "expected a sentence, got null"),
        ({"text": MAYOR}, "expected a sentence, got an object"),
        ("\ud83d" + MAYOR, "half a surrogate pair"),
    ],
)
def test_a_wrong_sentence_is_an_error_of_its_record(tmp_path: Path, sentence: Any, what: str) -> None:
    _, found = results(tmp_path, [MAYOR, sentence])
    assert isinstance(found, RecordError)
    assert found.place == "record 2"
    assert what in found.reason


@pytest.mark.parametrize("label", [None, True, 1.5, [], {}, " "])
def test_a_label_that_is_no_number_is_an_error_of_its_record(tmp_path: Path, label: Any) -> None:
    _, found = results(tmp_path, [MAYOR, MAYOR], [4, label])
    assert isinstance(found, RecordError)
    assert "expected the number of a relation" in str(found)


def test_the_format_is_recognised(tmp_path: Path) -> None:
    results(tmp_path, [MAYOR])
    assert recognise(Source(tmp_path / "news_sentence.json")) == "nyt-fb"


def test_the_format_is_recognised_by_the_start_of_one_giant_line(tmp_path: Path) -> None:
    results(tmp_path, [MAYOR] * 2000)
    assert recognise(Source(tmp_path / "news_sentence.json")) == "nyt-fb"


def test_a_list_of_plain_sentences_is_not_taken_for_nyt_fb(tmp_path: Path) -> None:
    results(tmp_path, ["Ana Sousa leads Porto ."])
    assert not nyt_fb.sniff(Source(tmp_path / "news_sentence.json"))


PIECES = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), max_size=12)
NAMES = PIECES.filter(lambda name: name.strip() != "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose file every example overwrites."""
    return tmp_path_factory.mktemp("marked")


@given(before=PIECES, first=NAMES, between=PIECES, second=NAMES, after=PIECES, head_first=st.booleans())
def test_offsets_always_point_at_the_marked_names(
    folder: Path, before: str, first: str, between: str, second: str, after: str, head_first: bool
) -> None:
    one, two = ("e1", "e2") if head_first else ("e2", "e1")
    marked = f"{before}<{one}:A> {first} </{one}:A>{between}<{two}:B> {second} </{two}:B>{after}"
    (found,) = results(folder, [marked])
    assert isinstance(found, RelationInstance)
    assert found.text == before + first + between + second + after
    assert (found.head_text, found.tail_text) == ((first, second) if head_first else (second, first))
