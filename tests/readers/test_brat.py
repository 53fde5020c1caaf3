"""brat's standoff files."""

from __future__ import annotations

from pathlib import Path

import pytest

from relscout.core.errors import InputError, InputWarning, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import brat, recognise
from relscout.io.readers.source import Source

TEXT = "Old news.\nMira Halm 🎻 plays for Echo Trio.\nThe trio tours Peru.\n"
MIRA = "T1\tPerson 10 19\tMira Halm"
TRIO = "T2\tBand 32 41\tEcho Trio"
PERU = "T3\tPlace 58 62\tPeru"
PLAYS = "R1\tMember Arg1:T1 Arg2:T2"


def write(folder: Path, *annotations: str, text: str | bytes = TEXT, name: str = "a") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / f"{name}.ann").write_text("".join(f"{line}\n" for line in annotations), encoding="utf-8")
    return folder


def results(folder: Path) -> list[RelationInstance | RecordError]:
    return list(brat.read(Source(folder)))


def instance(folder: Path) -> RelationInstance:
    (found,) = results(folder)
    assert isinstance(found, RelationInstance)
    return found


def test_the_first_argument_is_the_head_and_the_second_the_tail(tmp_path: Path) -> None:
    found = instance(write(tmp_path / "band", MIRA, TRIO, PLAYS))
    assert (found.head_text, found.tail_text, found.relation) == ("Mira Halm", "Echo Trio", "Member")
    assert found.type_pair == ("Person", "Band")


def test_arguments_are_told_by_their_names(tmp_path: Path) -> None:
    found = instance(write(tmp_path / "band", MIRA, TRIO, "R1\tMember Arg2:T2 Arg1:T1"))
    assert found.head_text == "Mira Halm"


def test_the_text_is_the_line_of_the_mentions(tmp_path: Path) -> None:
    assert instance(write(tmp_path / "band", MIRA, TRIO, PLAYS)).text == "Mira Halm 🎻 plays for Echo Trio."


def test_the_text_is_all_lines_between_mentions_that_stand_apart(tmp_path: Path) -> None:
    found = instance(write(tmp_path / "band", MIRA, PERU, "R1\tTours Arg1:T3 Arg2:T1"))
    assert found.text == "Mira Halm 🎻 plays for Echo Trio.\nThe trio tours Peru."
    assert (found.head_text, found.tail_text) == ("Peru", "Mira Halm")


def test_carriage_returns_count_as_characters_and_stay_out_of_the_text(tmp_path: Path) -> None:
    text = "Old.\r\nMira met Jon.\r\nNew.\r\n"
    folder = write(tmp_path / "crlf", "T1\tP 6 10\tMira", "T2\tP 15 18\tJon", PLAYS, text=text)
    assert instance(folder).text == "Mira met Jon."


def test_carriage_returns_that_the_offsets_leave_out_are_noticed_and_announced(tmp_path: Path) -> None:
    text = "Old.\r\nMira met Jon.\r\nNew.\r\n"
    folder = write(tmp_path / "crlf", "T1\tP 5 9\tMira", "T2\tP 14 17\tJon", PLAYS, text=text)
    with pytest.warns(InputWarning, match="each CRLF of the text as one character"):
        found = instance(folder)
    assert (found.text, found.head_text, found.tail_text) == ("Mira met Jon.", "Mira", "Jon")


def test_relations_may_stand_before_their_entities(tmp_path: Path) -> None:
    assert instance(write(tmp_path / "band", PLAYS, TRIO, MIRA)).tail_text == "Echo Trio"


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in "qwertyuiopasdfgh":
        write(tmp_path / "band", MIRA, TRIO, PLAYS, name=name)
    found = results(tmp_path / "band")
    sources = [each.source for each in found if isinstance(each, RelationInstance)]
    assert sources == [f"{name}.ann, line 3" for name in sorted("qwertyuiopasdfgh")]


@pytest.mark.parametrize("name", ["a.ann", "a.txt"])
def test_one_pair_is_read_by_either_of_its_files(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "band", MIRA, TRIO, PLAYS)
    assert instance(folder / name).head_text == "Mira Halm"


def test_other_annotations_are_left_out(tmp_path: Path) -> None:
    others = [
        "E1\tPlay:T1 Who:T2",
        "A1\tLoud T1",
        "M1\tSure T1",
        "N1\tReference T1 Wiki:1\tMira",
        "#1\tNote T1\tx",
    ]
    found = instance(write(tmp_path / "band", MIRA, TRIO, *others, "*\tAlias T1 T2", PLAYS))
    assert found.relation == "Member"


def test_an_entity_of_several_parts_is_an_error_that_says_so(tmp_path: Path) -> None:
    parts = "T1\tPerson 10 14;15 19\tMira Halm"
    (found,) = results(write(tmp_path / "band", parts, TRIO, PLAYS))
    assert isinstance(found, RecordError)
    assert "T1 is discontinuous (10 14;15 19)" in str(found)


def test_an_entity_of_several_parts_harms_no_other_relation(tmp_path: Path) -> None:
    found = results(write(tmp_path / "band", MIRA, TRIO, "T9\tPerson 10 14;15 19\tMira Halm", PLAYS))
    assert [type(each) for each in found] == [RelationInstance]


@pytest.mark.parametrize(
    ("lines", "place", "what"),
    [
        (["T1\tPerson 11 20\tMira Halm", TRIO, PLAYS], "line 3", "span covers 'ira Halm '"),
        (["T1\tPerson 10 990\tMira Halm", TRIO, PLAYS], "line 3", "does not fit the"),
        (["T1\tPerson 19 10\tMira Halm", TRIO, PLAYS], "line 3", "does not fit the"),
        ([MIRA, PLAYS], "line 2", "the tail is T2, which no T line"),
        ([MIRA, TRIO, "R1\tMember Arg1:E1 Arg2:T2"], "line 3", "the head is E1"),
        ([MIRA, TRIO, "R1\tMember Arg1:T1"], "line 3", "expected 'R1<tab>Type Arg1:T1 Arg2:T2'"),
        ([MIRA, TRIO, "R1\tMember Who:T1 Where:T2"], "line 3", "expected 'R1<tab>Type Arg1:T1 Arg2:T2'"),
        ([MIRA, TRIO, "R1 Member Arg1:T1 Arg2:T2"], "line 3", "expected 'R1<tab>Type Arg1:T1 Arg2:T2'"),
        ([MIRA, TRIO, "R1\tSelf Arg1:T1 Arg2:T1"], "line 3", "the same span"),
        ([MIRA, "T2 Band 32 41 Echo Trio"], "line 2", "expected an annotation such as"),
        ([MIRA, "Band: Echo Trio"], "line 2", "expected an annotation such as"),
        ([f"T1\tPerson {'9' * 5000} 19\tMira"], "line 1", "expected an annotation such as"),
    ],
)
def test_a_wrong_line_is_an_error_of_its_place(
    tmp_path: Path, lines: list[str], place: str, what: str
) -> None:
    (found,) = results(write(tmp_path / "band", *lines))
    assert isinstance(found, RecordError)
    assert found.place == place
    assert what in found.reason


def test_annotations_without_their_text_are_an_error_and_the_rest_is_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "band", MIRA, TRIO, PLAYS, name=name)
    (tmp_path / "band" / "a.txt").unlink()
    missing, good = results(tmp_path / "band")
    assert isinstance(missing, RecordError)
    assert "a.ann, line 1: the text is missing; expected it in a.txt" in str(missing)
    assert isinstance(good, RelationInstance)


def test_a_text_that_is_not_utf_8_is_an_error_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path / "band", MIRA, TRIO, PLAYS, text=b"Old\nMira \xff Halm", name="a")
    wrong, good = results(write(tmp_path / "band", MIRA, TRIO, PLAYS, name="b"))
    assert isinstance(wrong, RecordError)
    assert "a.txt, line 2: byte 0xff is not UTF-8" in str(wrong)
    assert isinstance(good, RelationInstance)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.ann file found"):
        results(tmp_path)


def test_a_folder_of_pairs_is_recognised(tmp_path: Path) -> None:
    assert recognise(Source(write(tmp_path / "band", MIRA, TRIO, PLAYS))) == "brat"


@pytest.mark.parametrize("name", ["a.ann", "a.txt"])
def test_a_file_of_a_pair_is_recognised(tmp_path: Path, name: str) -> None:
    assert recognise(Source(write(tmp_path / "band", MIRA, TRIO, PLAYS) / name)) == "brat"


def test_a_text_beside_something_else_is_not_taken_for_brat(tmp_path: Path) -> None:
    folder = write(tmp_path / "band", "The announcement of the band.")
    assert not brat.sniff(Source(folder / "a.txt"))


def all_pairs(folder: Path) -> list[tuple[str, str | None, str]]:
    found = list(brat.read(Source(folder, pairs="all")))
    return [
        (one.head_text, one.relation, one.tail_text) for one in found if isinstance(one, RelationInstance)
    ]


NEWS = "T4\tTopic 0 3\tOld"
WORD = "T5\tTopic 4 8\tnews"


def test_all_pairs_are_those_of_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "band", MIRA, TRIO, PERU, NEWS, WORD, PLAYS)
    assert all_pairs(folder) == [("Mira Halm", "Member", "Echo Trio"), ("Old", "no_relation", "news")]


def test_an_unrelated_pair_names_its_entities_as_its_source(tmp_path: Path) -> None:
    (found,) = brat.read(Source(write(tmp_path / "band", WORD, NEWS), pairs="all"))
    assert isinstance(found, RelationInstance)
    assert (found.text, found.source, found.type_pair) == (
        "Old news.",
        "a.ann, T4 and T5",
        ("Topic", "Topic"),
    )


@pytest.mark.parametrize("line", ["E1\tRead:T5 Theme:T4", "*\tEquiv T4 T5"])
def test_triggers_and_equivalent_mentions_are_no_unrelated_pair(tmp_path: Path, line: str) -> None:
    assert all_pairs(write(tmp_path / "band", NEWS, WORD, line)) == []


def test_entities_of_several_parts_are_in_no_unrelated_pair(tmp_path: Path) -> None:
    parts = "T6\tTopic 4 5;6 8\tn ws"
    assert all_pairs(write(tmp_path / "band", NEWS, parts)) == []


def test_among_all_pairs_a_wrong_entity_is_an_error_of_its_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "band", NEWS, WORD, "T9\tTopic 0 4\tNew")
    found = list(brat.read(Source(folder, pairs="all")))
    assert [one.place for one in found if isinstance(one, RecordError)] == ["T9"]
    assert len(found) == 2


def test_a_line_of_very_many_entities_gives_a_bounded_number_of_pairs(tmp_path: Path) -> None:
    text = "ab " * 1_000
    lines = [f"T{at}\tTopic {3 * at} {3 * at + 2}\tab" for at in range(1_000)]
    pairs = all_pairs(write(tmp_path / "band", *lines, text=text))
    assert len(pairs) == 60 * 1_000 - sum(range(1, 61))


def test_an_entity_that_is_defined_twice_is_an_error_of_its_relations(tmp_path: Path) -> None:
    again = "T1\tPerson 32 41\tEcho Trio"
    (found,) = results(write(tmp_path / "band", MIRA, again, TRIO, PLAYS))
    assert isinstance(found, RecordError)
    assert "T1, which several T lines define differently" in found.reason


def test_folders_inside_are_announced(tmp_path: Path) -> None:
    write(tmp_path / "band", MIRA, TRIO, PLAYS)
    write(tmp_path / "band" / "second", MIRA, TRIO, PLAYS)
    with pytest.warns(InputWarning, match="what lies in 1 folder inside it, such as 'second', is not read"):
        assert instance(tmp_path / "band").head_text == "Mira Halm"


@pytest.mark.parametrize(("counted", "ends"), [(1, "\n"), (0, "\n"), (1, "\r\n")])
def test_a_byte_order_mark_may_count_as_a_character(tmp_path: Path, counted: int, ends: str) -> None:
    text = f"\ufeffMira met Jon.{ends}New.{ends}".encode()
    lines = (f"T1\tP {counted} {counted + 4}\tMira", f"T2\tP {counted + 9} {counted + 12}\tJon", PLAYS)
    notes: list[str] = []
    source = Source(write(tmp_path / "marked", *lines, text=text), on_warning=notes.append)
    (found,) = brat.read(source)
    assert isinstance(found, RelationInstance)
    assert (found.text, found.head_text, found.tail_text) == ("Mira met Jon.", "Mira", "Jon")
    assert ["the byte-order mark as a character" in note for note in notes] == [True] * counted
