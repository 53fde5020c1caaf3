"""The text files of SemEval-2010 Task 8."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import recognise, semeval
from relscout.io.readers.source import Source

TRAIN = (
    '1\t"The <e1>baker</e1> kneaded the <e2>dough</e2> all night."\n'
    "Product-Producer(e2,e1)\n"
    "Comment: the dough is made by the baker.\n"
    "\n"
    '2\t"In the <e2>drawer</e2> lay a <e1>spoon</e1>."\n'
    "Content-Container(e1,e2)\n"
    "Comment:\n"
    "\n"
    '3\t"The <e1>fog</e1> met the <e2>harbour</e2>."\n'
    "Other\n"
)


def results(tmp_path: Path, content: str | bytes) -> list[RelationInstance | RecordError]:
    path = tmp_path / "TRAIN_FILE.TXT"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(semeval.read(Source(path)))


def instances(tmp_path: Path, content: str) -> list[RelationInstance]:
    found = results(tmp_path, content)
    assert not [each for each in found if isinstance(each, RecordError)]
    return [each for each in found if isinstance(each, RelationInstance)]


def reason(tmp_path: Path, content: str) -> str:
    (found,) = results(tmp_path, content)
    assert isinstance(found, RecordError)
    assert found.place == "line 1"
    return found.reason


def test_the_markers_and_quotation_marks_are_no_part_of_the_text(tmp_path: Path) -> None:
    assert instances(tmp_path, TRAIN)[0].text == "The baker kneaded the dough all night."


def test_the_first_entity_is_the_head_wherever_it_stands(tmp_path: Path) -> None:
    found = [(each.head_text, each.tail_text) for each in instances(tmp_path, TRAIN)]
    assert found == [("baker", "dough"), ("spoon", "drawer"), ("fog", "harbour")]


def test_relations_keep_their_direction(tmp_path: Path) -> None:
    found = [each.relation for each in instances(tmp_path, TRAIN)]
    assert found == ["Product-Producer(e2,e1)", "Content-Container(e1,e2)", "Other"]


def test_the_number_is_the_id_and_the_line_the_source(tmp_path: Path) -> None:
    found = instances(tmp_path, TRAIN)
    assert [each.id for each in found] == ["1", "2", "3"]
    assert found[1].source == "TRAIN_FILE.TXT, line 5"


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    assert instances(tmp_path, TRAIN.replace("\n", "\r\n")) == instances(tmp_path, TRAIN)


def test_comments_and_blank_lines_may_be_missing(tmp_path: Path) -> None:
    bare = "".join(line + "\n" for line in TRAIN.split("\n") if line and not line.startswith("Comment"))
    assert [each.relation for each in instances(tmp_path, bare)] == [
        each.relation for each in instances(tmp_path, TRAIN)
    ]


def test_a_comment_may_speak_of_the_markers(tmp_path: Path) -> None:
    assert len(instances(tmp_path, TRAIN.replace("Comment:", "Comment: <e1> is old;"))) == 3


def test_a_test_file_has_sentences_alone(tmp_path: Path) -> None:
    sentences = "".join(line + "\n" for line in TRAIN.split("\n") if "<e1>" in line)
    assert [(each.id, each.relation) for each in instances(tmp_path, sentences)] == [
        ("1", None),
        ("2", None),
        ("3", None),
    ]


def test_quotation_marks_inside_the_sentence_stay(tmp_path: Path) -> None:
    (found,) = instances(tmp_path, '9\t""Bread" is what the <e1>baker</e1> calls <e2>dough</e2>""\n')
    assert found.text == '"Bread" is what the baker calls dough"'


def test_one_entity_may_lie_inside_the_other(tmp_path: Path) -> None:
    (found,) = instances(tmp_path, '9\t"The <e1>mayor of <e2>Riga</e2></e1> spoke."\n')
    assert (found.head_text, found.tail_text) == ("mayor of Riga", "Riga")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ('"The <e1>baker</e1> kneaded dough."', "the marker <e2> is missing"),
        ('"The <e1>baker</e1> kneaded <e2>dough."', "the marker </e2> is missing"),
        ('"The <e1>baker</e1> and <e1>cook</e1> made <e2>dough</e2>."', "the marker <e1> stands twice"),
        ('"The </e1>baker<e1> kneaded <e2>dough</e2>."', "head span [9, 4)"),
        ('"The <e1></e1> kneaded <e2>dough</e2>."', "head span [4, 4)"),
        ('"The <e1>baker</e1> kneaded <e2>dough</e2>.', "in quotation marks"),
        ('"The <e1>baker <e2>and</e1> dough</e2>."', "cross"),
    ],
)
def test_a_wrong_sentence_is_told_plainly(tmp_path: Path, sentence: str, expected: str) -> None:
    assert expected in reason(tmp_path, f"1\t{sentence}\nOther\n")


@pytest.mark.parametrize("relation", ["Product-Producer(e1,e3)", "Product Producer", "Other(e1)"])
def test_a_wrong_relation_is_an_error(tmp_path: Path, relation: str) -> None:
    assert "expected one such as" in reason(tmp_path, f'1\t"<e1>a</e1> <e2>b</e2>"\n{relation}\n')


def test_a_comment_without_a_relation_is_an_error(tmp_path: Path) -> None:
    assert "no line with the relation" in reason(tmp_path, '1\t"<e1>a</e1> <e2>b</e2>"\nComment: hm\n')


def test_a_sentence_without_a_number_spoils_only_itself(tmp_path: Path) -> None:
    found = results(tmp_path, TRAIN.replace("2\t", ""))
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]
    assert found[1].place == "line 5"  # type: ignore[union-attr]


def test_a_line_that_is_not_utf_8_spoils_only_itself(tmp_path: Path) -> None:
    found = results(tmp_path, TRAIN.replace("drawer", "dräwer").encode("latin-1"))
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]
    assert "line 5: byte 16 (0xe4) is not UTF-8" in str(found[1])


def test_a_second_relation_is_an_error_of_its_own_line(tmp_path: Path) -> None:
    first, second = results(tmp_path, '1\t"<e1>a</e1> <e2>b</e2>"\nOther\nOther\n')
    assert isinstance(first, RelationInstance)
    assert isinstance(second, RecordError)
    assert second.place == "line 3"


@pytest.mark.parametrize("filler", [" ", "\t", "1", "a", "<", '"', "<e1>", "\u00a0"])
def test_a_line_of_a_megabyte_takes_no_time(tmp_path: Path, filler: str) -> None:
    path = tmp_path / "long.txt"
    path.write_text(f"1{filler * (1_000_000 // len(filler))}\n1 {filler * 1000}\n", encoding="utf-8")
    started = time.process_time()
    with contextlib.suppress(InputError):
        recognise(Source(path))
    list(semeval.read(Source(path)))
    assert time.process_time() - started < 2
